{{- define "resilience.env" -}}
- name: RUN
  valueFrom:
    fieldRef: {fieldPath: "metadata.labels['batch.kubernetes.io/job-name']"}
- {name: RESILIENCE_CONTEXT, value: in-cluster}
- {name: RESILIENCE_JOURNAL, value: /tmp/journal}
- {name: RESILIENCE_JOURNAL_NAMESPACE, value: {{ .Values.journalNamespace | quote }}}
- {name: RESILIENCE_REPORT, value: {{ .Values.reports.url | default "/reports/$(RUN)" | quote }}}
{{- with .Values.reports.keep }}
- {name: RESILIENCE_REPORT_KEEP, value: {{ . | quote }}}
{{- end }}
- {name: RESILIENCE_METRICS, value: /reports/resilience.prom}
{{- with .Values.push.url }}
- {name: RESILIENCE_PUSH, value: {{ . | quote }}}
{{- end }}
{{- with .Values.helperImage }}
- {name: RESILIENCE_HELPER_IMAGE, value: {{ . | quote }}}
{{- end }}
- {name: TIME_ZONE, value: {{ .Values.timeZone | quote }}}
{{- with .Values.store.url }}
- {name: BACKUP_STORE, value: {{ . | quote }}}
{{- end }}
- {name: PYTEST_ADDOPTS, value: "-p no:cacheprovider --rootdir=/files"}
- {name: PYTHONUNBUFFERED, value: "1"}
{{- with .Values.env }}
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
