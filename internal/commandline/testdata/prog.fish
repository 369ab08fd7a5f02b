function __prog_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] --completion-bash $words[2..-1] 2>/dev/null
end

complete -c prog -a '(__prog_complete)'
