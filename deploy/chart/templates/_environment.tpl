{{- define "resilience.env" -}}
{{- if not .watch }}
- name: RUN
  valueFrom:
    fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/job-name']"}
{{- end }}
- {name: RESILIENCE_CONTEXT, value: in-cluster}
- {name: RESILIENCE_JOURNAL, value: {{ .watch | ternary "/reports/watch/journal" "/tmp/journal" }}}
- {name: RESILIENCE_JOURNAL_NAMESPACE, value: {{ .root.Values.journalNamespace | quote }}}
- {name: RESILIENCE_REPORT, value: {{ .root.Values.reports.url | default (.watch | ternary "file:/reports/watch/sessions" "/reports/$(RUN)") | quote }}}
{{- with .root.Values.reports.keep }}
- {name: RESILIENCE_REPORT_KEEP, value: {{ . | quote }}}
{{- end }}
- {name: RESILIENCE_METRICS, value: {{ .watch | ternary "/reports/watch/runs.prom" "/reports/resilience.prom" }}}
{{- with .root.Values.push.url }}
- {name: RESILIENCE_PUSH, value: {{ . | quote }}}
{{- end }}
{{- with .root.Values.helperImage }}
- {name: RESILIENCE_HELPER_IMAGE, value: {{ . | quote }}}
{{- end }}
- {name: TIME_ZONE, value: {{ .root.Values.timeZone | quote }}}
{{- with .root.Values.store.url }}
- {name: BACKUP_STORE, value: {{ . | quote }}}
{{- end }}
- {name: PYTEST_ADDOPTS, value: "-p no:cacheprovider --rootdir=/files"}
- {name: PYTHONUNBUFFERED, value: "1"}
{{- with .root.Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "resilience.envFrom" -}}
- secretRef: {name: {{ .Values.store.secret | quote }}, optional: true}
{{- with .Values.push.secret }}
- secretRef: {name: {{ . | quote }}}
{{- end }}
{{- with .Values.envFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}
