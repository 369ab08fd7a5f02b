package commandline

// usageTemplate is kingpin's compact one, with flags by groups.
const usageTemplate = `{{define "Arguments" -}}
{{if .FlagSummary}} {{.FlagSummary}}{{end -}}
{{range .Args}}{{if not .Hidden}} {{if not .Required}}[{{end}}<{{.Name}}>{{if .Value|IsCumulative}}...{{end}}` +
	`{{if not .Required}}]{{end}}{{end}}{{end -}}
{{end -}}

{{define "Usage" -}}
{{template "Arguments" .}}{{if .Commands}} <command> [<args> ...]{{end}}
{{if .Help}}
{{.Help|Wrap 0 -}}
{{end -}}
{{end -}}

{{if .Context.SelectedCommand -}}
usage: {{.App.Name}} {{.Context.SelectedCommand}}{{template "Usage" .Context.SelectedCommand}}
{{else -}}
usage: {{.App.Name}}{{template "Usage" .App}}
{{end -}}
{{if .Context.Args -}}
Args:
{{.Context.Args|ArgsToTwoColumns|FormatTwoColumns}}
{{end -}}
{{if not .Context.SelectedCommand -}}
{{if .App.Commands -}}
Commands:
{{range .App.FlattenedCommands}}{{if not .Hidden}}  {{.FullCommand}}{{template "Arguments" .}}
{{.Help|Wrap 4}}{{end}}{{end}}
{{end -}}
{{end -}}
{{range .Context.Flags|Grouped -}}
{{.Title}}:
{{.Flags|FlagsToTwoColumns|FormatTwoColumns}}
{{end -}}
`

// manTemplate is a man page of section 1.
const manTemplate = `{{define "Flags" -}}
{{range . -}}
{{if not .Hidden -}}
.TP
\fB{{if .Short}}\-{{.Short|Char}}, {{end}}\-\-{{.Name|Roff}}{{if not .IsBoolFlag}}={{.FormatPlaceHolder|Roff}}{{end}}\fR
{{.HelpWithEnvar|Roff}}
{{end -}}
{{end -}}
{{end -}}
{{define "Arguments" -}}
{{range .Args}}{{if not .Hidden}} {{if not .Required}}[{{end}}\fI{{.Name|Roff}}\fR{{if .Value|IsCumulative}}...{{end}}` +
	`{{if not .Required}}]{{end}}{{end}}{{end -}}
{{end -}}
.TH "{{.App.Name}}" 1
.SH NAME
{{.App.Name}} \- {{.App.Help|Sentence|Roff}}
.SH SYNOPSIS
\fB{{.App.Name}}\fR [\fIflags\fR]{{template "Arguments" .App}}{{if .App.Commands}} \fIcommand\fR [\fIargs\fR ...]{{end}}
.SH DESCRIPTION
{{.App.Help|Roff}}
{{if .App.Commands -}}
.SH COMMANDS
{{range .App.FlattenedCommands}}{{if not .Hidden -}}
.SS "{{.FullCommand}}{{range .Args}}{{" "}}` +
	`{{if not .Required}}[{{end}}{{.Name}}{{if .Value|IsCumulative}}...{{end}}{{if not .Required}}]{{end}}{{end}}"
{{.Help|Roff}}
{{template "Flags" .Flags}}{{end}}{{end -}}
{{end -}}
{{range .App.Flags|Grouped -}}
.SH "{{.Title}}"
{{template "Flags" .Flags}}{{end -}}
`

// zshTemplate completes by what the program itself answers, as kingpin's own for
// bash does. Read from $fpath the whole file is the function, which defines it anew
// and must call it the first time.
const zshTemplate = `#compdef {{.App.Name}}

_{{.App.Name}}() {
    local -a matches
    matches=("${(@f)$(${words[1]} --completion-bash "${(@)words[2,$CURRENT]}")}")
    compadd -a matches

    if [[ $compstate[nmatches] -eq 0 && $words[$CURRENT] != -* ]]; then
        _files
    fi
}

if [[ "$funcstack[1]" == "_{{.App.Name}}" ]]; then
    _{{.App.Name}} "$@"
else
    compdef _{{.App.Name}} {{.App.Name}}
fi
`

// fishTemplate is the same for fish, which asks with the word that is being typed
// apart.
const fishTemplate = `function __{{.App.Name}}_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] --completion-bash $words[2..-1] 2>/dev/null
end

complete -c {{.App.Name}} -a '(__{{.App.Name}}_complete)'
`
