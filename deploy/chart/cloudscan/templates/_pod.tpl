{{/*
The pod of a component, as a PodTemplateSpec. Takes root and name.

A process that serves lives five seconds longer, for load balancers to look elsewhere, and then drains: within 30 s, as
every process does.
*/}}
{{- define "cloudscan.pod" -}}
{{- $root := .root }}
{{- $spec := index (fromYaml (include "cloudscan.components" $root)) .name }}
{{- $values := index $root.Values.components .name }}
{{- $callsKubernetes := has "kubernetes" $spec.backends -}}
{{- $isStorage := eq .name "storage" -}}
{{- $storageTls := and (or $isStorage (hasKey $spec.calls "storage")) $root.Values.storage.tls.existingSecret -}}
metadata:
  labels:
    {{- include "cloudscan.labels" . | nindent 4 }}
    {{- if and $isStorage (eq $root.Values.storage.backend "azure") (include "cloudscan.storageHasIdentity" $root) }}
    azure.workload.identity/use: "true"
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .name }}
    {{- if $root.Values.metrics.scrapeAnnotations }}
    prometheus.io/scrape: "true"
    prometheus.io/path: /metrics
    prometheus.io/port: {{ include "cloudscan.opsPort" $root | quote }}
    {{- end }}
    {{- with $root.Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "cloudscan.fullname" $root }}-{{ .name }}
  automountServiceAccountToken: {{ $callsKubernetes }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ empty $spec.serves | ternary 30 35 }}
  securityContext:
    {{- include "cloudscan.podSecurity" (dict "user" 1000) | nindent 4 }}
  {{- include "cloudscan.scheduling" . | trim | nindent 2 }}
  containers:
    - name: {{ .name }}
      image: {{ include "cloudscan.image" . | quote }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      securityContext:
        {{- include "cloudscan.containerSecurity" . | nindent 8 }}
      env:
        {{- include "cloudscan.environment" . | nindent 8 }}
      ports:
        - { name: ops, containerPort: {{ include "cloudscan.opsPort" $root }} }
        {{- range $port, $number := $spec.serves }}
        - { name: {{ $port }}, containerPort: {{ $number }} }
        {{- end }}
      {{- include "cloudscan.probes" . | nindent 6 }}
      {{- if $spec.serves }}
      lifecycle:
        preStop:
          sleep: { seconds: 5 }
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        - { name: tmp, mountPath: /tmp }
        {{- if and $isStorage (eq $root.Values.storage.backend "filesystem") }}
        - { name: data, mountPath: /var/lib/cloudscan }
        {{- end }}
        {{- if $root.Values.trustedCa.existingSecret }}
        - { name: ca, mountPath: {{ include "cloudscan.caFolder" $root }}, readOnly: true }
        {{- end }}
        {{- if $storageTls }}
        - { name: storage-tls, mountPath: {{ include "cloudscan.storageTlsFolder" $root }}, readOnly: true }
        {{- end }}
  volumes:
    - name: tmp
      emptyDir: { sizeLimit: {{ $values.tmpSize | default "64Mi" }} }
    {{- with $storageTls }}
    - name: storage-tls
      secret:
        secretName: {{ . }}
        items:
          {{- range $isStorage | ternary (list "tls.crt" "tls.key") (list "ca.crt") }}
          - { key: {{ . }}, path: {{ . }} }
          {{- end }}
    {{- end }}
    {{- if and $isStorage (eq $root.Values.storage.backend "filesystem") }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ $root.Values.storage.persistence.existingClaim | default (printf "%s-storage" (include "cloudscan.fullname" $root)) }}
    {{- end }}
    {{- include "cloudscan.caVolume" $root | nindent 4 }}
{{- end }}

{{- define "cloudscan.caVolume" -}}
{{- with .Values.trustedCa.existingSecret -}}
- name: ca
  secret:
    secretName: {{ . }}
    items: [{ key: {{ $.Values.trustedCa.key }}, path: {{ $.Values.trustedCa.key }} }]
{{- end }}
{{- end }}

{{/* A process lives while it answers, and serves while what it needs does. */}}
{{- define "cloudscan.probes" -}}
startupProbe:
  httpGet: { path: /health, port: ops }
  periodSeconds: 2
  failureThreshold: 30
livenessProbe:
  httpGet: { path: /health, port: ops }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: { path: /ready, port: ops }
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{- define "cloudscan.scheduling" -}}
{{- $values := .root.Values -}}
{{- with $values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "cloudscan.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
