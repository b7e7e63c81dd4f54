{{- define "operator.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "operator.selector" -}}
app.kubernetes.io/name: ethrex-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "operator.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* A pod that asks the API server one thing as the operator, and ends. Call with the root and the arguments. */}}
{{- define "operator.asks" -}}
serviceAccountName: {{ include "operator.name" .root }}
automountServiceAccountToken: true
enableServiceLinks: false
restartPolicy: Never
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: asks
    image: {{ include "operator.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [ethrex-operator]
    args:
      - {{ .asks }}
      {{- with .root.Values.watchNamespace }}
      - --namespace={{ . }}
      {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    resources:
      requests: {cpu: 50m, memory: 96Mi}
      limits: {memory: 256Mi}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
volumes:
  - name: tmp
    emptyDir: {}
{{- end }}

{{/* What the operator does in the namespaces that it watches. No verb on Secrets. */}}
{{- define "operator.rules" -}}
- apiGroups: [ethrex.dev]
  resources: [ethrexl1nodes, ethrexrollups, ethrexsettlements, proverpools]
  verbs: [get, list, watch, patch]
- apiGroups: [ethrex.dev]
  resources: [ethrexl1nodes/status, ethrexrollups/status, ethrexsettlements/status, proverpools/status]
  verbs: [patch]
# owner references that block deletion
- apiGroups: [ethrex.dev]
  resources: [ethrexl1nodes/finalizers, ethrexrollups/finalizers, ethrexsettlements/finalizers, proverpools/finalizers]
  verbs: [update]
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims, serviceaccounts, services]
  verbs: [get, list, watch, create, patch, delete]
# what others added to them is taken away
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [update]
# rolling is deleting a pod: its set makes it anew
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, delete]
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, update, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, patch, delete]
# whether one is being deleted: nothing is waited for then
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}
