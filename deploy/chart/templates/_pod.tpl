{{- /* The Pod of a job or of `watch`: `root`, `account`, `command`, and what it serves. */ -}}
{{- define "resilience.pod" -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ int .root.Values.terminationGracePeriodSeconds }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: resilience
    image: {{ include "resilience.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: {{ .command | toJson }}
    {{- with .serving }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    workingDir: /files
    env: {{- include "resilience.env" (dict "root" .root "watch" (hasKey . "serving")) | nindent 6 }}
    envFrom: {{- include "resilience.envFrom" .root | nindent 6 }}
    resources: {{- toYaml .root.Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: files, mountPath: /files, readOnly: true}
      - {name: reports, mountPath: /reports}
      - {name: tmp, mountPath: /tmp}
      - {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
volumes:
  - name: files
    configMap: {name: {{ .root.Release.Name }}-files}
  - name: reports
    {{- if .root.Values.reports.claim.enabled }}
    persistentVolumeClaim: {claimName: {{ .root.Release.Name }}-reports}
    {{- else }}
    emptyDir: {}
    {{- end }}
  - name: tmp
    emptyDir: {}
  - name: token   # what is mounted by default, for an hour
    projected:
      sources:
        - serviceAccountToken: {path: token, expirationSeconds: 3600}
        - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
        - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}
