{{- define "ruth.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "ruth.labels" -}}
app.kubernetes.io/name: ruth
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "ruth.nodeSelector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: node
{{- end }}

{{- define "ruth.image" -}}
{{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
{{- end }}

{{/* ruth.yaml of a node. What the chart decides stands over what `settings` says. */}}
{{- define "ruth.settings" -}}
{{- $own := dict
  "paths" (dict "socket_directory" "/run/ruth/sockets" "ring_directory" "/run/ruth/rings" "models_directory" "/opt/ruth/models" "data_directory" "/var/lib/ruth")
  "http" (dict "host" "0.0.0.0" "port" (int .Values.node.port)) }}
{{- $models := list }}
{{- range .Values.models }}
{{- $model := dict "id" .id }}
{{- with .folder }}{{ $_ := set $model "folder" . }}{{ end }}
{{- $models = append $models $model }}
{{- end }}
{{- $_ := set $own "models" $models }}
{{- if .Values.tls.secret }}
{{- $_ := set $own.http "tls" (dict "certificate" "/etc/ruth-tls/tls.crt" "key" "/etc/ruth-tls/tls.key") }}
{{- end }}
{{- with .Values.site }}
{{- if .nats }}
{{- $site := dict "nats" .nats "replicas" (int .replicas) }}
{{- with .labels }}{{ $_ := set $site "labels" . }}{{ end }}
{{- with .credentialsKey }}{{ $_ := set $site "credentials_file" (printf "/etc/ruth-site/%s" .) }}{{ end }}
{{- with .caKey }}{{ $_ := set $site "ca_file" (printf "/etc/ruth-site/%s" .) }}{{ end }}
{{- with .sealKey }}{{ $_ := set $site "key_file" (printf "/etc/ruth-site/%s" .) }}{{ end }}
{{- with .pipes }}{{ $_ := set $site "pipes" . }}{{ end }}
{{- $_ := set $own "site" $site }}
{{- end }}
{{- end }}
{{- $settings := mergeOverwrite (deepCopy .Values.settings) $own }}
{{- if $settings.copies }}{{ $_ := set $settings.copies "secret_access_key" (dict "env" "S3_SECRET_ACCESS_KEY") }}{{ end }}
{{- if hasKey $settings "recording" }}{{ $_ := set $settings.recording "directory" "/recordings" }}{{ end }}
{{- toYaml $settings }}
{{- end }}

{{/* What every container of Ruth is held to. */}}
{{- define "ruth.confined" -}}
image: {{ include "ruth.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{/* A probe that asks the process at a socket: a dict of `socket`, `alive` and `times`, in a row, before it counts. */}}
{{- define "ruth.probe" -}}
exec:
  command:
    - /opt/ruth/node_modules/.bin/node
    - packages/transport/src/process/health-main.ts
    {{- if .alive }}
    - --alive
    {{- end }}
    - /run/ruth/sockets/{{ .socket }}
periodSeconds: {{ .period | default 15 }}
timeoutSeconds: 6
failureThreshold: {{ .times }}
{{- if .alive }}
# One that hangs drains nothing.
terminationGracePeriodSeconds: 10
{{- end }}
{{- end }}

{{/* Starting, ready, alive: of the process at a socket. */}}
{{- define "ruth.probes" -}}
startupProbe:
  {{- include "ruth.probe" (dict "socket" . "alive" true "times" 40 "period" 3) | nindent 2 }}
readinessProbe:
  {{- include "ruth.probe" (dict "socket" . "alive" false "times" 2) | nindent 2 }}
livenessProbe:
  {{- include "ruth.probe" (dict "socket" . "alive" true "times" 3) | nindent 2 }}
{{- end }}

{{/* In a site: who ends only after the process at a socket, which takes `more` seconds than draining at most. */}}
{{- define "ruth.endsAfter" -}}
{{- if .root.Values.site.nats }}
lifecycle:
  preStop:
    exec: {command: [/opt/ruth/node_modules/.bin/node, packages/transport/src/process/ended-main.ts, /run/ruth/sockets/{{ .socket }}, {{ add (int .root.Values.node.drainSeconds) .more | quote }}]}
{{- end }}
{{- end }}

{{/* What Node compiles is kept for the next start and for probes. */}}
{{- define "ruth.environment" -}}
- {name: NODE_COMPILE_CACHE, value: /tmp/compiled}
{{- end }}

{{- define "ruth.secrets" -}}
{{- with .Values.database }}
{{- if .secret }}
- name: DATABASE_URL
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- with .Values.adminToken }}
{{- if .secret }}
- name: RUTH_ADMIN_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}
{{- end }}
{{- end }}

{{/* Of every process but a model's container. */}}
{{- define "ruth.mounts" -}}
- {name: settings, mountPath: /etc/ruth, readOnly: true}
- {name: sockets, mountPath: /run/ruth/sockets}
- {name: tmp, mountPath: /tmp}
{{- if .Values.site.secret }}
- {name: site, mountPath: /etc/ruth-site, readOnly: true}
{{- end }}
{{- end }}

{{- define "ruth.serverProbes" -}}
{{- $get := dict "path" "/api/v1/health" "port" "http" "scheme" (ternary "HTTPS" "HTTP" (ne .Values.tls.secret "")) }}
startupProbe: {httpGet: {{ toJson $get }}, periodSeconds: 3, timeoutSeconds: 6, failureThreshold: 40, terminationGracePeriodSeconds: 10}
readinessProbe: {httpGet: {{ toJson $get }}, periodSeconds: 15, timeoutSeconds: 6, failureThreshold: 2}
livenessProbe: {httpGet: {{ toJson $get }}, periodSeconds: 15, timeoutSeconds: 6, failureThreshold: 4, terminationGracePeriodSeconds: 10}
{{- end }}

{{- define "ruth.inferenceSelector" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: inference
{{- end }}

{{/* A certificate names names: only pods of a StatefulSet have some. */}}
{{- define "ruth.serverUrl" -}}
{{- if .Values.node.serverUrl }}{{ .Values.node.serverUrl }}
{{- else if .Values.tls.secret }}
{{- if ne .Values.node.kind "StatefulSet" }}{{ fail "with tls.secret, node.serverUrl must say by which name of the certificate the other nodes reach this one" }}{{ end }}
{{- printf "https://$(POD_NAME).%s-nodes.$(NAMESPACE).svc:%d" (include "ruth.name" .) (int .Values.node.port) }}
{{- else }}{{ printf "http://$(POD_IP):%d" (int .Values.node.port) }}
{{- end }}
{{- end }}
