{{- define "cloudscan.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{/* The namespace of Jobs, their pods and their Secrets. */}}
{{- define "cloudscan.runnerNamespace" -}}
{{- .Values.runner.namespace | default .Release.Namespace -}}
{{- end }}

{{- define "cloudscan.labels" -}}
{{ include "cloudscan.selector" . }}
app.kubernetes.io/part-of: cloudscan
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "cloudscan.selector" -}}
{{ include "cloudscan.instance" .root }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "cloudscan.instance" -}}
app.kubernetes.io/name: cloudscan
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels that job-dispatch gives to every pod of a Job. */}}
{{- define "cloudscan.runnerSelector" -}}
app.kubernetes.io/name: cloudscan-runner
app.kubernetes.io/managed-by: cloudscan
{{- end }}

{{/* Namespace and pods of a peer of a NetworkPolicy, for what runs in the release's namespace. */}}
{{- define "cloudscan.peer" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ .root.Release.Namespace }}
podSelector:
  matchLabels:
    {{- include "cloudscan.selector" . | nindent 4 }}
{{- end }}

{{- define "cloudscan.image" -}}
{{- $image := .root.Values.image -}}
{{- with $image.registry }}{{ . }}/{{ end }}{{ $image.repository }}/{{ .name }}:{{ $image.tag | default .root.Chart.AppVersion -}}
{{- end }}

{{- define "cloudscan.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .user }}
runAsGroup: {{ .user }}
fsGroup: {{ .user }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "cloudscan.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where the database is: a server of this release, or the one that is named. */}}
{{- define "cloudscan.databaseHost" -}}
{{- if .Values.postgresql.enabled -}}
{{ include "cloudscan.fullname" . }}-postgresql
{{- else -}}
{{ required "database.host is not set; name the PostgreSQL server, or set postgresql.enabled for one of its own" .Values.database.host }}
{{- end -}}
{{- end }}

{{/* Empty where there is no Redis. */}}
{{- define "cloudscan.redisHost" -}}
{{- if .Values.redis.enabled -}}
{{ include "cloudscan.fullname" . }}-redis
{{- else -}}
{{ .Values.redis.host }}
{{- end -}}
{{- end }}

{{/* Empty for AWS itself. */}}
{{- define "cloudscan.s3Endpoint" -}}
{{- if and .Values.minio.enabled (not .Values.storage.s3.endpoint) -}}
http://{{ include "cloudscan.fullname" . }}-minio.{{ .Release.Namespace }}.svc:9000
{{- else -}}
{{ .Values.storage.s3.endpoint }}
{{- end -}}
{{- end }}

{{/* How clients and runners reach the bytes: the edge of the storage service, or the bucket. */}}
{{- define "cloudscan.bytesUrl" -}}
{{- if eq .Values.storage.backend "filesystem" -}}
{{ include "cloudscan.storageUrl" . }}
{{- else -}}
{{- $store := index .Values.storage .Values.storage.backend -}}
{{- $endpoint := eq .Values.storage.backend "s3" | ternary (include "cloudscan.s3Endpoint" .) $store.endpoint -}}
{{ $store.publicEndpoint | default $endpoint | default (printf "the bucket %s" ($store.bucket | default $store.container)) }}
{{- end -}}
{{- end }}

{{/* Whether the cloud knows the storage service by its ServiceAccount rather than by a key. */}}
{{- define "cloudscan.storageHasIdentity" -}}
{{- $store := index .Values.storage .Values.storage.backend | default dict -}}
{{- if and (ne .Values.storage.backend "filesystem") (not $store.existingSecret) }}true{{ end -}}
{{- end }}

{{/* How clients and runners reach the edge of the storage service. */}}
{{- define "cloudscan.storageUrl" -}}
{{- .Values.storage.publicUrl | default (printf "http://%s-storage.%s.svc:8083" (include "cloudscan.fullname" .) .Release.Namespace) -}}
{{- end }}

{{- define "cloudscan.caFolder" -}}
/etc/cloudscan/ca
{{- end }}

{{- define "cloudscan.storageTlsFolder" -}}
/etc/cloudscan/storage-tls
{{- end }}
