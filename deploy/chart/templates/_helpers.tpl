{{- /* A CronJob's name has at most 52 characters; a long release loses some, never the job. */ -}}
{{- define "resilience.name" -}}
{{- $release := .root.Release.Name -}}
{{- if gt (add (len $release) (len .job) 1) 52 -}}
{{- $release = printf "%s-%s" (trunc (int (sub 44 (len .job))) $release | trimAll "-.") (sha256sum $release | trunc 6) -}}
{{- end -}}
{{- printf "%s-%s" $release .job -}}
{{- end -}}

{{- /* Names of objects without a namespace: another release never replaces them. */ -}}
{{- define "resilience.clusterName" -}}
{{- printf "pytest-resilience:%s:%s:%s" .root.Release.Namespace .root.Release.Name .job -}}
{{- end -}}

{{- define "resilience.labels" -}}
app.kubernetes.io/name: pytest-resilience
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "resilience.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "resilience.toml" -}}
# What may be touched, and how much of it: docs/how-to/targets-and-limits.md
[targets.here]
context = "in-cluster"
cluster = {{ required "set target.cluster: kubectl get namespace kube-system -o jsonpath={.metadata.uid}" .Values.target.cluster | quote }}
namespaces = {{ .Values.target.namespaces | toJson }}
{{- if .Values.target.nodes }}
nodes = true
{{- end }}
{{- if .Values.target.maxPods }}
max_pods = {{ int .Values.target.maxPods }}
{{- end }}
{{- if .Values.target.maxNodes }}
max_nodes = {{ int .Values.target.maxNodes }}
{{- end }}
windows = {{ .Values.target.windows | toJson }}
timezone = {{ .Values.timeZone | quote }}
{{- end -}}
