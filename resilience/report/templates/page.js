"use strict";
(() => {
  document.documentElement.classList.remove("no-script");
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  /* Filter and search: rows and cards of a run share its number. */
  const search = document.getElementById("search");
  const told = document.getElementById("told");
  const chips = all(".tools button[data-outcome]");
  const bodies = all("[data-run]");
  const texts = new Map(all("[data-text-of]").map((e) => [e.dataset.textOf, e.dataset.words]));
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const off = new Set(chips.filter((c) => c.getAttribute("aria-pressed") === "false")
      .map((c) => c.dataset.outcome));
    const seen = new Set();
    for (const body of bodies) {
      const text = texts.get(body.dataset.run) || "";
      const there = !off.has(body.dataset.outcome) && words.every((word) => text.includes(word));
      body.classList.toggle("filtered", !there);
      if (there) seen.add(body.dataset.run);
    }
    told.textContent = `${seen.size} of ${texts.size} shown`;
  };
  if (search) {
    search.addEventListener("input", filter);
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") === "false"));
        filter();
      });
    }
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        search.focus();
      } else if (event.key === "Escape" && event.target === search) {
        search.value = "";
        filter();
      }
    });
    const fold = document.getElementById("fold");
    fold.addEventListener("click", () => {
      const open = fold.getAttribute("aria-expanded") !== "true";
      for (const each of all("details")) each.open = open;
      fold.setAttribute("aria-expanded", String(open));
      fold.textContent = open ? "Close all" : "Open all";
    });
  }

  /* A link into what is folded opens it. */
  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    for (let each = target && target.parentElement; each; each = each.parentElement) {
      if (each.tagName === "DETAILS") each.open = true;
    }
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  /* The values of a moment, in all charts of a run: by pointer, and by arrow keys. */
  const time = (seconds) => seconds < 0.9995
    ? `${(seconds * 1000).toPrecision(3)}ms` : `${seconds.toFixed(2)}s`;
  const LEFT = 56, RIGHT = 14, WIDTH = 960;
  for (const clock of all(".clock")) {
    const charts = all("svg[data-since]", clock);
    if (!charts.length) continue;
    const since = Number(charts[0].dataset.since), until = Number(charts[0].dataset.until);
    const probes = charts.filter((c) => c.dataset.values).map((c) => JSON.parse(c.dataset.values));
    const events = all(".event", clock);
    const reading = document.createElement("div");
    reading.className = "reading";
    reading.setAttribute("role", "status");
    let lines = [], now = null;
    const step = probes.length ? probes[0].width : (until - since) / 100;
    const hide = () => {
      reading.remove();
      for (const line of lines) line.remove();
      lines = [];
      now = null;
    };
    const show = (at) => {
      now = Math.min(Math.max(at, since), until);
      for (const line of lines) line.remove();
      const x = LEFT + (now - since) / (until - since) * (WIDTH - LEFT - RIGHT);
      lines = charts.map((chart) => {
        const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const height = chart.viewBox.baseVal.height;
        for (const [name, value] of Object.entries({ class: "cursor", x1: x, x2: x, y1: 0,
          y2: height - 22 })) line.setAttribute(name, value);
        chart.append(line);
        return line;
      });
      const says = [`${now < 0 ? "" : "+"}${now.toFixed(2)}s`];
      for (const probe of probes) {
        const index = Math.floor((now - probe.since) / probe.width);
        const planned = probe.planned[index];
        if (!planned) continue;
        const median = probe.median[index], worst = probe.worst[index];
        says.push(`${probe.name}: ${probe.good[index]} of ${planned} good` + (median === null ? ""
          : `, median ${time(median)}, slowest ${time(worst)}`));
      }
      for (const event of events) {
        if (Math.abs(Number(event.dataset.at) - now) < (until - since) / 90) {
          says.push(event.dataset.text);
        }
      }
      reading.textContent = says.join("\n");
      clock.append(reading);
      const box = charts[0].getBoundingClientRect(), own = clock.getBoundingClientRect();
      const left = box.left - own.left + x / WIDTH * box.width;
      const right = left + 14 + reading.offsetWidth > own.width;
      reading.style.left = `${Math.max(0, right ? left - 14 - reading.offsetWidth : left + 14)}px`;
      reading.style.top = "34px";
    };
    for (const chart of charts) {
      chart.addEventListener("pointermove", (event) => {
        const box = chart.getBoundingClientRect();
        const x = (event.clientX - box.left) / box.width * WIDTH;
        show(since + (x - LEFT) / (WIDTH - LEFT - RIGHT) * (until - since));
      });
    }
    clock.addEventListener("pointerleave", hide);
    clock.addEventListener("blur", hide);
    clock.addEventListener("keydown", (event) => {
      const far = event.shiftKey ? 10 : 1;
      const keys = {
        ArrowRight: () => show(now === null ? since : now + step * far),
        ArrowLeft: () => show(now === null ? until : now - step * far),
        Home: () => show(since),
        End: () => show(until),
        Escape: hide,
      };
      if (event.target === clock && keys[event.key]) {
        event.preventDefault();
        keys[event.key]();
      }
    });
  }
})();
