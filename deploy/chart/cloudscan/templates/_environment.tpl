{{/* The whole environment of a component, as its src/config.ts reads it. Takes root and name. */}}
{{- define "cloudscan.environment" -}}
{{- include "cloudscan.environment.common" .root }}
{{- include (printf "cloudscan.environment.%s" .name) .root }}
{{- range $name, $value := (index .root.Values.components .name).env }}
- { name: {{ $name }}, value: {{ include "cloudscan.text" $value }} }
{{- end }}
{{- end }}

{{/* A value as a string; the number 10000000 would be written as 1e+07. */}}
{{- define "cloudscan.text" -}}
{{ kindIs "string" . | ternary . (toJson .) | quote }}
{{- end }}

{{- define "cloudscan.environment.common" -}}
- { name: LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: METRICS_HOST, value: 0.0.0.0 }
- { name: METRICS_PORT, value: {{ include "cloudscan.opsPort" . | quote }} }
{{- end }}

{{- define "cloudscan.environment.api-grpc" }}
- { name: GRPC_HOST, value: 0.0.0.0 }
- { name: GRPC_PORT, value: "9999" }
{{- include "cloudscan.environment.unguarded" . }}
{{- include "cloudscan.environment.database" (dict "root" . "login" "orchestrator") }}
{{- include "cloudscan.environment.redis" . }}
{{- include "cloudscan.environment.storageClient" . }}
{{- include "cloudscan.environment.admission" . }}
- { name: JOB_BACKOFF_LIMIT, value: {{ .Values.runner.retries | int64 | quote }} }
{{- with .Values.attestation.publicKeys }}
- { name: ATTESTATION_PUBLIC_KEYS, value: {{ . | quote }} }
{{- end }}
{{- end }}

{{- define "cloudscan.environment.api-http" }}
- { name: HTTP_HOST, value: 0.0.0.0 }
- { name: HTTP_PORT, value: "8081" }
{{- include "cloudscan.environment.database" (dict "root" . "login" "orchestrator") }}
{{- include "cloudscan.environment.redis" . }}
{{- include "cloudscan.environment.storageClient" . }}
{{- include "cloudscan.environment.orchestratorClient" . }}
{{- end }}

{{- define "cloudscan.environment.dispatcher" }}
{{- include "cloudscan.environment.runs" . }}
{{- include "cloudscan.environment.runnerTokens" . }}
{{- end }}

{{- define "cloudscan.environment.sweeper" }}
{{- include "cloudscan.environment.runs" . }}
{{- include "cloudscan.environment.storageTls" . }}
{{- with .Values.attestation.signingKey }}
{{- if .existingSecret }}
- name: ATTESTATION_KEY
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret }}, key: {{ .key }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudscan.environment.runs" }}
{{- include "cloudscan.environment.database" (dict "root" . "login" "orchestrator") }}
{{- include "cloudscan.environment.redis" . }}
{{- include "cloudscan.environment.storageEndpoint" . }}
{{- include "cloudscan.environment.admission" . }}
{{- include "cloudscan.environment.jobs" . }}
{{- end }}

{{- define "cloudscan.environment.storage" }}
- { name: STORAGE_BACKEND, value: {{ .Values.storage.backend }} }
- { name: STORAGE_GRPC_HOST, value: 0.0.0.0 }
- { name: STORAGE_GRPC_PORT, value: "8082" }
{{- if .Values.storage.tls.existingSecret }}
- { name: STORAGE_TLS_CERT_FILE, value: {{ include "cloudscan.storageTlsFolder" . }}/tls.crt }
- { name: STORAGE_TLS_KEY_FILE, value: {{ include "cloudscan.storageTlsFolder" . }}/tls.key }
{{- end }}
{{- include (printf "cloudscan.environment.storage.%s" .Values.storage.backend) . }}
{{- with .Values.storage.quota }}
- { name: STORAGE_QUOTA_BYTES, value: {{ .bytes | int64 | quote }} }
- { name: STORAGE_QUOTA_ARTIFACTS, value: {{ .artifacts | int64 | quote }} }
- { name: STORAGE_MAX_UPLOAD_BYTES, value: {{ .uploadBytes | int64 | quote }} }
{{- end }}
- { name: RETENTION_DAYS, value: {{ .Values.retentionDays | int64 | quote }} }
{{- include "cloudscan.environment.unguarded" . }}
{{- include "cloudscan.environment.database" (dict "root" . "login" "storage") }}
{{- end }}

{{- define "cloudscan.environment.storage.s3" }}
{{- $s3 := .Values.storage.s3 }}
- { name: S3_BUCKET, value: {{ required "storage.s3.bucket is not set" $s3.bucket | quote }} }
- { name: S3_REGION, value: {{ $s3.region | quote }} }
{{- with include "cloudscan.s3Endpoint" . }}
- { name: S3_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with $s3.publicEndpoint }}
- { name: S3_PUBLIC_ENDPOINT, value: {{ . | quote }} }
{{- end }}
{{- with $s3.serverSideEncryption }}
- { name: S3_SERVER_SIDE_ENCRYPTION, value: {{ . | quote }} }
{{- end }}
{{- with $s3.kmsKeyId }}
- { name: S3_KMS_KEY_ID, value: {{ . | quote }} }
{{- end }}
{{- with $s3.existingSecret }}
- name: S3_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef: { name: {{ . }}, key: access-key-id }
- name: S3_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef: { name: {{ . }}, key: secret-access-key }
{{- end }}
{{- end }}

{{- define "cloudscan.environment.storage.gcs" }}
{{- with .Values.storage.gcs }}
- { name: GCS_BUCKET, value: {{ required "storage.gcs.bucket is not set" .bucket | quote }} }
{{- range $variable, $value := dict "GCS_PROJECT_ID" .projectId "GCS_ENDPOINT" .endpoint "GCS_PUBLIC_ENDPOINT" .publicEndpoint }}
{{- with $value }}
- { name: {{ $variable }}, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- with .existingSecret }}
- name: GCS_CREDENTIALS
  valueFrom:
    secretKeyRef: { name: {{ . }}, key: key.json }
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudscan.environment.storage.azure" }}
{{- with .Values.storage.azure }}
- { name: AZURE_STORAGE_ACCOUNT, value: {{ required "storage.azure.account is not set" .account | quote }} }
- { name: AZURE_STORAGE_CONTAINER, value: {{ .container | quote }} }
{{- range $variable, $value := dict "AZURE_STORAGE_ENDPOINT" .endpoint "AZURE_STORAGE_PUBLIC_ENDPOINT" .publicEndpoint }}
{{- with $value }}
- { name: {{ $variable }}, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- with .existingSecret }}
- name: AZURE_STORAGE_KEY
  valueFrom:
    secretKeyRef: { name: {{ . }}, key: account-key }
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudscan.environment.storage.filesystem" }}
- { name: STORAGE_DATA_DIR, value: /var/lib/cloudscan }
- { name: STORAGE_HTTP_HOST, value: 0.0.0.0 }
- { name: STORAGE_HTTP_PORT, value: "8083" }
- { name: STORAGE_PUBLIC_URL, value: {{ include "cloudscan.storageUrl" . | quote }} }
- name: STORAGE_SIGNING_KEY
  valueFrom:
    secretKeyRef: { name: {{ .Values.storage.signingKey.existingSecret }}, key: {{ .Values.storage.signingKey.key }} }
{{- end }}

{{- define "cloudscan.environment.cleaner" }}
- { name: LOG_LEVEL, value: {{ .Values.logLevel | quote }} }
- { name: RETENTION_DAYS, value: {{ .Values.retentionDays | int64 | quote }} }
{{- include "cloudscan.environment.database" (dict "root" . "login" "orchestrator") }}
{{- range $name, $value := .Values.cleaner.env }}
- { name: {{ $name }}, value: {{ include "cloudscan.text" $value }} }
{{- end }}
{{- end }}

{{/* These ports know no authentication yet: the NetworkPolicies guard them. */}}
{{- define "cloudscan.environment.unguarded" }}
- { name: AUTH_MODE, value: disabled }
- { name: AUTH_DISABLED_ALLOW_NON_LOOPBACK, value: "true" }
{{- end }}

{{/* Takes root and login: one of the keys of database.logins. */}}
{{- define "cloudscan.environment.database" }}
{{- $database := .root.Values.database }}
{{- $login := index $database.logins .login }}
- { name: DB_HOST, value: {{ include "cloudscan.databaseHost" .root | quote }} }
- { name: DB_PORT, value: {{ .root.Values.postgresql.enabled | ternary 5432 $database.port | quote }} }
- { name: DB_NAME, value: {{ $database.name | quote }} }
- { name: DB_SSLMODE, value: {{ .root.Values.postgresql.enabled | ternary "disable" $database.sslMode }} }
- { name: DB_MAX_CONNS, value: {{ $database.maxConnections | int64 | quote }} }
- { name: DB_MIN_CONNS, value: {{ $database.minConnections | int64 | quote }} }
- name: DB_USER
  valueFrom:
    secretKeyRef: { name: {{ $login.existingSecret }}, key: username }
- name: DB_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ $login.existingSecret }}, key: password }
{{- include "cloudscan.environment.ca" .root }}
{{- end }}

{{/* Node.js reads it itself, for every TLS connection. */}}
{{- define "cloudscan.environment.ca" }}
{{- if .Values.trustedCa.existingSecret }}
- { name: NODE_EXTRA_CA_CERTS, value: {{ include "cloudscan.caFolder" . }}/{{ .Values.trustedCa.key }} }
{{- end }}
{{- end }}

{{- define "cloudscan.environment.redis" }}
{{- with include "cloudscan.redisHost" . }}
- { name: REDIS_HOST, value: {{ . | quote }} }
- { name: REDIS_PORT, value: {{ $.Values.redis.enabled | ternary 6379 $.Values.redis.port | quote }} }
- { name: REDIS_DB, value: {{ $.Values.redis.database | int64 | quote }} }
- { name: REDIS_TLS, value: {{ and $.Values.redis.tls (not $.Values.redis.enabled) | quote }} }
{{- with $.Values.redis.existingSecret }}
- name: REDIS_PASSWORD
  valueFrom:
    secretKeyRef: { name: {{ . }}, key: password }
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudscan.environment.storageClient" }}
{{- include "cloudscan.environment.storageEndpoint" . }}
{{- include "cloudscan.environment.storageTls" . }}
{{- end }}

{{- define "cloudscan.environment.storageTls" }}
{{- if .Values.storage.tls.existingSecret }}
- { name: STORAGE_SERVICE_TLS, value: "true" }
- { name: STORAGE_SERVICE_CA_FILE, value: {{ include "cloudscan.storageTlsFolder" . }}/ca.crt }
{{- end }}
{{- end }}

{{- define "cloudscan.environment.storageEndpoint" }}
- { name: STORAGE_SERVICE_ENDPOINT, value: {{ printf "%s-storage.%s.svc:8082" (include "cloudscan.fullname" .) .Release.Namespace | quote }} }
{{- end }}

{{- define "cloudscan.environment.orchestratorClient" }}
- { name: ORCHESTRATOR_ENDPOINT, value: {{ printf "%s-api-grpc.%s.svc:9999" (include "cloudscan.fullname" .) .Release.Namespace | quote }} }
{{- end }}

{{/* Every process that admits is told the same. */}}
{{- define "cloudscan.environment.admission" }}
{{- with .Values.admission }}
- { name: MAX_RUNNING_SCANS, value: {{ .maxRunningScans | int64 | quote }} }
- { name: MAX_RUNNING_SCANS_PER_ORGANIZATION, value: {{ .maxRunningScansPerOrganization | int64 | quote }} }
- { name: MAX_QUEUED_SCANS_PER_ORGANIZATION, value: {{ .maxQueuedScansPerOrganization | int64 | quote }} }
- { name: FAIR_SHARE_HALF_LIFE_SECONDS, value: {{ .fairShareHalfLifeSeconds | int64 | quote }} }
{{- end }}
{{- end }}

{{/* How runs become Jobs; dispatcher and sweeper are told the same. */}}
{{- define "cloudscan.environment.jobs" }}
{{- include "cloudscan.environment.orchestratorClient" . }}
- { name: JOB_DISPATCHER, value: kubernetes }
- { name: KUBE_IN_CLUSTER, value: "true" }
- { name: KUBE_NAMESPACE, value: {{ include "cloudscan.runnerNamespace" . }} }
- { name: KUBE_SERVICE_ACCOUNT, value: {{ include "cloudscan.fullname" . }}-runner }
{{- with .Values.runner }}
- { name: JOB_BACKOFF_LIMIT, value: {{ .retries | int64 | quote }} }
- { name: JOB_DEADLINE_SECONDS, value: {{ .deadlineSeconds | int64 | quote }} }
- { name: JOB_TTL_SECONDS, value: {{ .ttlSecondsAfterFinished | int64 | quote }} }
- { name: DOWNLOAD_TIMEOUT, value: {{ .downloadTimeoutSeconds | int64 | quote }} }
- { name: RUNNER_IMAGE, value: {{ .image | default (include "cloudscan.image" (dict "root" $ "name" "runner")) | quote }} }
- { name: RUNNER_IMAGE_PULL_POLICY, value: {{ $.Values.image.pullPolicy }} }
- { name: RUNNER_REQUESTS_CPU, value: {{ .resources.requests.cpu | quote }} }
- { name: RUNNER_REQUESTS_MEMORY, value: {{ .resources.requests.memory | quote }} }
- { name: RUNNER_LIMITS_MEMORY, value: {{ .resources.limits.memory | quote }} }
{{- with .resources.limits.cpu }}
- { name: RUNNER_LIMITS_CPU, value: {{ . | quote }} }
{{- end }}
- { name: RUNNER_WORK_SIZE, value: {{ .workSize | quote }} }
{{- range $variable, $value := dict
  "RUNNER_IMAGE_PULL_SECRETS" (include "cloudscan.pullSecretNames" $)
  "RUNNER_NODE_SELECTOR" (include "cloudscan.pairs" .nodeSelector)
  "RUNNER_TOLERATIONS" (.tolerations | empty | ternary "" (toJson .tolerations))
  "RUNNER_PRIORITY_CLASS" .priorityClass
  "RUNNER_RUNTIME_CLASS" .runtimeClass
  "RUNNER_QUEUE" .queue
  "RUNNER_SECRET_NAME" .existingSecret
  "RUNNER_PASS_ENV" (keys .env | sortAlpha | join ",")
  "SCANNERS" (join "," $.Values.scanners.choice)
  "DECLARED_SCANNERS" ($.Values.scanners.declared | empty | ternary "" (toJson $.Values.scanners.declared))
}}
{{- with $value }}
- { name: {{ $variable }}, value: {{ . | quote }} }
{{- end }}
{{- end }}
{{- range $variable, $value := .env }}
- { name: {{ $variable }}, value: {{ include "cloudscan.text" $value }} }
{{- end }}
{{- end }}
{{- end }}

{{/* What signs the tokens of runners, and what tells them from others. */}}
{{- define "cloudscan.environment.runnerTokens" }}
{{- with .Values.runner.tokenKey }}
{{- if .existingSecret }}
- name: RUNNER_TOKEN_KEY
  valueFrom:
    secretKeyRef: { name: {{ .existingSecret }}, key: {{ .key }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "cloudscan.pullSecretNames" -}}
{{- $names := list }}
{{- range .Values.image.pullSecrets }}{{ $names = append $names .name }}{{ end }}
{{- join "," $names }}
{{- end }}

{{- define "cloudscan.pairs" -}}
{{- $pairs := list }}
{{- range $key, $value := . }}{{ $pairs = append $pairs (printf "%s=%s" $key $value) }}{{ end }}
{{- join "," $pairs }}
{{- end }}
