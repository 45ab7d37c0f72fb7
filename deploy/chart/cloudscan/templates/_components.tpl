{{/*
The processes of the system: what each serves, beside the ops port that all have, and what it calls. Deployments, Services,
NetworkPolicies, disruption budgets and autoscalers come from this table. A new process is an entry here, one under
`components` in values.yaml, and its environment in _environment.tpl.

  serves    port numbers by name
  calls     ports by the component that serves them
  backends  database, redis, objectStore, identity, kubernetes: what it reaches outside of this table
*/}}
{{- define "cloudscan.components" -}}
api-grpc:
  serves: { grpc: 9999 }
  calls: { storage: [grpc] }
  backends: [database, redis]
api-http:
  serves: { http: 8081 }
  calls: { api-grpc: [grpc], storage: [grpc] }
  backends: [database, redis]
dispatcher:
  serves: {}
  calls: {}
  backends: [database, redis, kubernetes]
sweeper:
  serves: {}
  {{- /* It uploads the attestations that it signs. */}}
  {{- $filesystem := eq .Values.storage.backend "filesystem" }}
  {{- $attests := .Values.attestation.signingKey.existingSecret }}
  calls: { storage: [grpc{{ if and $attests $filesystem }}, http{{ end }}] }
  backends: [database, redis, kubernetes{{ if and $attests (not $filesystem) }}, objectStore{{ end }}]
storage:
  {{- if eq .Values.storage.backend "filesystem" }}
  serves: { grpc: 8082, http: 8083 }
  calls: {}
  backends: [database]
  {{- else }}
  serves: { grpc: 8082 }
  calls: {}
  backends: [database, objectStore{{ if and (eq .Values.storage.backend "gcs") (include "cloudscan.storageHasIdentity" .) }}, identity{{ end }}]
  {{- end }}
{{- end }}

{{/* What a runner calls: no more than this, DNS and `runner.egress`. */}}
{{- define "cloudscan.runnerCalls" -}}
api-grpc: [grpc]
{{- if eq .Values.storage.backend "filesystem" }}
storage: [http]
{{- end }}
{{- end }}

{{- define "cloudscan.opsPort" -}}
9090
{{- end }}
