{{/* The aggregator is no prober: names and selectors of its own keep it out of what is theirs. */}}
{{- define "authprober.aggregate.fullname" -}}
{{ include "authprober.fullname" . }}-aggregate
{{- end }}

{{- define "authprober.aggregate.selector" -}}
app.kubernetes.io/name: {{ include "authprober.name" . | trunc 53 | trimSuffix "-" }}-aggregate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "authprober.aggregate.labels" -}}
{{- $own := include "authprober.aggregate.selector" . | fromYaml }}
{{- toYaml (merge $own (dict "app.kubernetes.io/component" "aggregate") (include "authprober.labels" . | fromYaml)) }}
{{- end }}

{{/* What a scrape calls it, and the alerts that it gives directly. */}}
{{- define "authprober.aggregate.instance" -}}
{{ include "authprober.aggregate.fullname" . }}.{{ .Release.Namespace }}:9870
{{- end }}

{{- define "authprober.aggregate.args" -}}
- aggregate
- --url={{ .Values.aggregate.url }}
{{- with .Values.aggregate.match }}
- {{ printf "--match=%s" . | quote }}
{{- end }}
{{- with .Values.aggregate.httpConfig }}{{ if .secret }}
- --http-config=/etc/authprober-api/{{ .key }}
{{- end }}{{ end }}
{{- range .Values.aggregate.args }}
- {{ . | quote }}
{{- end }}
- /etc/authprober
{{- end }}

{{/* Of the daemon's settings those that mean something to it. */}}
{{- define "authprober.aggregate.env" -}}
- name: AUTHPROBER_LISTEN
  value: ":9870"
{{- with .Values.webConfig }}{{ if .secret }}
- name: AUTHPROBER_WEB_CONFIG_FILE
  value: /etc/authprober-web/{{ .key }}
{{- end }}{{ end }}
{{- if get .Values.settings "ALERTMANAGER_URLS" }}
{{- with .Values.alertmanagerConfig }}{{ if .secret }}
- name: AUTHPROBER_ALERTMANAGER_CONFIG_FILE
  value: /etc/authprober-alertmanager/{{ .key }}
{{- end }}{{ end }}
# Alerts have the labels of the scrape, so that both ways make one page.
{{- $given := list }}
{{- range splitList "," (get .Values.settings "ALERT_LABELS" | default "") }}
{{- if and . (not (regexMatch "^\\s*(job|instance)\\s*=" .)) }}{{ $given = append $given . }}{{ end }}
{{- end }}
{{- $own := list (printf "instance=%s" (include "authprober.aggregate.instance" .)) }}
{{- if not (regexMatch "(^|,)\\s*namespace\\s*=" (join "," $given)) }}{{ $own = append $own (printf "namespace=%s" .Release.Namespace) }}{{ end }}
- name: AUTHPROBER_ALERT_LABELS
  value: {{ concat $own $given | join "," | quote }}
{{- end }}
{{- range $name := list "ALERTMANAGER_URLS" "LOG_FORMAT" "LOG_LEVEL" }}
{{- if hasKey $.Values.settings $name }}
- name: AUTHPROBER_{{ $name }}
  value: {{ include "authprober.text" (get $.Values.settings $name) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "authprober.aggregate.secrets" -}}
{{- $all := dict "web" .Values.webConfig "api" .Values.aggregate.httpConfig }}
{{- if get .Values.settings "ALERTMANAGER_URLS" }}{{ $_ := set $all "alertmanager" .Values.alertmanagerConfig }}{{ end }}
{{- toYaml $all }}
{{- end }}
