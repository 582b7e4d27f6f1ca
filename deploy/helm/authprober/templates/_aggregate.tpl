{{/* What is judged together, each by a pod of its own: the flows, which say no more than that,
and the logins of .Values.aggregate.logins. What is said of one has it as .watch. */}}
{{- define "authprober.aggregates" -}}
{{- $all := list }}
{{- if .Values.aggregate.enabled }}{{ $all = append $all dict }}{{ end }}
{{- $names := list }}
{{- range .Values.aggregate.logins }}
{{- if has .name $names }}{{ fail (printf "aggregate.logins: %s is there twice; give each a name of its own" .name) }}{{ end }}
{{- $names = append $names .name }}
{{- $all = append $all . }}
{{- end }}
{{- if and $all (contains "@" .Values.aggregate.url) }}
{{- fail "aggregate.url: want no user and no password in it; name a Secret with them in aggregate.httpConfig" }}
{{- end }}
{{- toYaml (dict "all" $all) }}
{{- end }}

{{/* An aggregator is no prober: names and selectors of its own keep it out of what is theirs. */}}
{{- define "authprober.aggregate.fullname" -}}
{{- $name := include "authprober.fullname" . }}
{{- if .watch }}
{{- printf "%s-logins-%s" ($name | trunc (int (sub 55 (len .watch.name))) | trimSuffix "-") .watch.name }}
{{- else }}
{{- $name }}-aggregate
{{- end }}
{{- end }}

{{- define "authprober.aggregate.selector" -}}
{{- $name := include "authprober.name" . | trunc 53 | trimSuffix "-" -}}
{{- if .watch -}}
app.kubernetes.io/name: {{ $name }}-logins
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .watch.name }}
{{- else -}}
app.kubernetes.io/name: {{ $name }}-aggregate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
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
{{- if not .watch }}
{{- with .Values.aggregate.match }}
- {{ printf "--match=%s" . | quote }}
{{- end }}
{{- end }}
{{- with .Values.aggregate.httpConfig }}{{ if .secret }}
- --http-config=/etc/authprober-api/{{ .key }}
{{- end }}{{ end }}
{{- range .Values.aggregate.args }}
- {{ . | quote }}
{{- end }}
{{- if .watch }}
{{- include "authprober.aggregate.logins" .watch }}
{{- else }}
- /etc/authprober
{{- end }}
{{- end }}

{{/* What the command is told of logins; what is left out is left to it. */}}
{{- define "authprober.aggregate.logins" }}
- --name={{ .name }}
- {{ printf "--runs=%s" .runs | quote }}
- {{ printf "--failures=%s" .failures | quote }}
{{- $watch := . }}
{{- range $value, $flag := dict "tolerate" "tolerate" "detect" "detect" "falsePages" "false-pages" "blip" "blip" }}
{{- with get $watch $value }}
- {{ printf "--%s=%s" $flag . | quote }}
{{- end }}
{{- end }}
{{- range $label, $value := get . "labels" | default dict }}
- {{ printf "--label=%s=%s" $label $value | quote }}
{{- end }}
{{- range get . "args" | default list }}
- {{ . | quote }}
{{- end }}
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

{{/* The flows, which are nothing to logins, and files of Secrets. */}}
{{- define "authprober.aggregate.mounts" -}}
{{- if not .watch }}{{ include "authprober.flowMounts" . }}{{ end }}
{{- range $name, $s := include "authprober.aggregate.secrets" . | fromYaml }}
{{- if $s.secret }}
- {name: {{ $name }}, mountPath: /etc/authprober-{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "authprober.aggregate.volumes" -}}
{{- if not .watch }}{{ include "authprober.flowVolumes" . }}{{ end }}
{{- range $name, $s := include "authprober.aggregate.secrets" . | fromYaml }}
{{- if $s.secret }}
- name: {{ $name }}
  secret: {secretName: {{ $s.secret }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}
