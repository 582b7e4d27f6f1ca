{{- define "authprober.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 52 characters: a StatefulSet's pods and their revisions add to it. */}}
{{- define "authprober.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "authprober.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "authprober.name" .) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "authprober.selector" -}}
app.kubernetes.io/name: {{ include "authprober.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The labels of every object: what the chart says wins over .Values.labels. */}}
{{- define "authprober.labels" -}}
{{- $own := include "authprober.selector" . | fromYaml }}
{{- $own = merge $own (dict
  "app.kubernetes.io/version" (.Values.image.tag | default .Chart.AppVersion | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63)) }}
{{- toYaml (merge $own .Values.labels) }}
{{- end }}

{{- define "authprober.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "authprober.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- .Values.serviceAccount.name | default (include "authprober.fullname" .) }}
{{- else }}
{{- .Values.serviceAccount.name | default "default" }}
{{- end }}
{{- end }}

{{- define "authprober.pauseConfigMap" -}}
{{- .Values.pause.configMap | default (printf "%s-pause" (include "authprober.fullname" .)) }}
{{- end }}

{{/* A scalar as text. To Helm whole numbers are of floating point. */}}
{{- define "authprober.text" -}}
{{- if kindIs "float64" . }}{{ int64 . | toString | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}

{{/* The container's environment: what the chart sets itself, then what it was told. */}}
{{- define "authprober.env" -}}
- name: AUTHPROBER_LISTEN
  value: ":9870"
- name: AUTHPROBER_STATE_DIR
  value: /var/lib/authprober
- name: AUTHPROBER_PAUSE_FILE
  value: /run/authprober/pause/pause
{{- if gt (int .Values.shards) 1 }}
# The first pod is number 1: see spec.ordinals.
- name: POD_INDEX
  valueFrom: {fieldRef: {fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']"}}
- name: AUTHPROBER_SHARD
  value: $(POD_INDEX)/{{ int .Values.shards }}
{{- end }}
{{- with .Values.webConfig }}{{ if .secret }}
- name: AUTHPROBER_WEB_CONFIG_FILE
  value: /etc/authprober-web/{{ .key }}
{{- end }}{{ end }}
{{- with .Values.alertmanagerConfig }}{{ if .secret }}
- name: AUTHPROBER_ALERTMANAGER_CONFIG_FILE
  value: /etc/authprober-alertmanager/{{ .key }}
{{- end }}{{ end }}
{{- with .Values.state.key }}{{ if .secret }}
- name: AUTHPROBER_STATE_KEY_FILE
  value: /etc/authprober-state-key/{{ .key }}
{{- end }}{{ end }}
{{- $given := get .Values.settings "ALERT_LABELS" | default "" }}
{{- if get .Values.settings "ALERTMANAGER_URLS" }}
# Alerts have the labels of the scrape, so that both ways make one page.
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: AUTHPROBER_ALERT_LABELS
  value: {{ include "authprober.alertLabels" (dict "root" . "given" $given) | quote }}
{{- end }}
{{- range $name, $value := omit .Values.settings (ternary "ALERT_LABELS" "" (hasKey .Values.settings "ALERTMANAGER_URLS")) }}
- name: AUTHPROBER_{{ $name }}
  value: {{ include "authprober.text" $value }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ include "authprober.text" $value }}
{{- end }}
{{- range .Values.secrets.env }}
- name: {{ .variable }}
  valueFrom: {secretKeyRef: {name: {{ .name }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}

{{/* The labels of alerts that are given directly: what is given wins. */}}
{{- define "authprober.alertLabels" -}}
{{- $all := list }}
{{- if not (regexMatch "(^|,)\\s*instance\\s*=" .given) }}
{{- $all = append $all (printf "instance=$(POD_NAME).%s.%s:9870" (include "authprober.fullname" .root) .root.Release.Namespace) }}
{{- end }}
{{- if not (regexMatch "(^|,)\\s*namespace\\s*=" .given) }}
{{- $all = append $all (printf "namespace=%s" .root.Release.Namespace) }}
{{- end }}
{{- with .given }}{{ $all = append $all . }}{{ end }}
{{- join "," $all }}
{{- end }}

{{/* The flows, and where they are mounted. */}}
{{- define "authprober.flowVolumes" -}}
{{- if .Values.flows.files }}
- name: flows
  configMap: {name: {{ include "authprober.fullname" . }}}
{{- end }}
{{- range $i, $name := .Values.flows.configMaps }}
- name: flows-{{ $i }}
  configMap: {name: {{ $name }}}
{{- end }}
{{- end }}

{{- define "authprober.flowMounts" -}}
{{- if .Values.flows.files }}
- {name: flows, mountPath: /etc/authprober/_files, readOnly: true}
{{- end }}
{{- range $i, $name := .Values.flows.configMaps }}
- {name: flows-{{ $i }}, mountPath: /etc/authprober/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Volumes, each with the place where it is mounted. */}}
{{- define "authprober.volumes" -}}
- name: pause
  configMap: {name: {{ include "authprober.pauseConfigMap" . }}, optional: true}
{{- include "authprober.flowVolumes" . }}
{{- range $i, $s := .Values.secrets.files }}
- name: secret-{{ $i }}
  secret: {secretName: {{ $s.name }}, defaultMode: 0440}
{{- end }}
{{- range $name, $s := dict "web" .Values.webConfig "alertmanager" .Values.alertmanagerConfig "state-key" .Values.state.key }}
{{- if $s.secret }}
- name: {{ $name }}
  secret: {secretName: {{ $s.secret }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- if not .Values.state.persistent }}
- name: state
  emptyDir: {sizeLimit: {{ .Values.state.size }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "authprober.mounts" -}}
- {name: state, mountPath: /var/lib/authprober}
- {name: pause, mountPath: /run/authprober/pause, readOnly: true}
{{- include "authprober.flowMounts" . }}
{{- range $i, $s := .Values.secrets.files }}
- {name: secret-{{ $i }}, mountPath: {{ get $s "path" | default (printf "/run/secrets/%s" $s.name) }}, readOnly: true}
{{- end }}
{{- range $name, $s := dict "web" .Values.webConfig "alertmanager" .Values.alertmanagerConfig "state-key" .Values.state.key }}
{{- if $s.secret }}
- {name: {{ $name }}, mountPath: /etc/authprober-{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A probe of a path. A server that asks for a password is asked by the program itself. */}}
{{- define "authprober.probe" -}}
{{- if .root.Values.webConfig.passwords -}}
exec: {command: [/usr/bin/authprober, health]}
timeoutSeconds: 5
{{- else -}}
httpGet: {path: {{ .path }}, port: http-metrics{{ if .root.Values.webConfig.tls }}, scheme: HTTPS{{ end }}}
timeoutSeconds: 3
{{- end }}
{{- end }}

{{/* How a prober is scraped. The rules look for a job called authprober. A pod that is
made anew has another address and the same name: with that for its instance, alerts and
counters go on. The labels that are dropped say nothing else, and are not those of alerts
that the prober gives directly. */}}
{{- define "authprober.endpoint" -}}
port: http-metrics
path: /metrics
interval: {{ .Values.monitor.interval }}
relabelings:
  - {targetLabel: job, replacement: authprober}
  - sourceLabels: [__meta_kubernetes_pod_name, __meta_kubernetes_namespace]
    regex: (.+);(.+)
    targetLabel: instance
    replacement: $1.{{ include "authprober.fullname" . }}.$2:9870
  - {action: labeldrop, regex: pod|service|container|endpoint}
{{- include "authprober.scrapeSecurely" . }}
{{- end }}

{{- define "authprober.scrapeSecurely" -}}
{{- if .Values.webConfig.tls }}
scheme: https
{{- end }}
{{- with .Values.monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.monitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Protobuf is what native histograms come in; the classic buckets are kept beside them. */}}
{{- define "authprober.histograms" -}}
{{- if .Values.monitor.nativeHistograms }}
scrapeProtocols: [PrometheusProto, OpenMetricsText1.0.0, OpenMetricsText0.0.1, PrometheusText0.0.4]
scrapeClassicHistograms: true
{{- end }}
{{- end }}
