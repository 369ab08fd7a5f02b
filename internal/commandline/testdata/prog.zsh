#compdef prog

_prog() {
    local -a matches
    matches=("${(@f)$(${words[1]} --completion-bash "${(@)words[2,$CURRENT]}")}")
    compadd -a matches

    if [[ $compstate[nmatches] -eq 0 && $words[$CURRENT] != -* ]]; then
        _files
    fi
}

if [[ "$funcstack[1]" == "_prog" ]]; then
    _prog "$@"
else
    compdef _prog prog
fi
