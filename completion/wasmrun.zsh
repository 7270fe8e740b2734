#compdef wasmrun
# Completion of wasmrun for zsh. In a directory of $fpath, before compinit runs:
#   wasmrun completion zsh > ~/.zfunc/_wasmrun
# with these lines in ~/.zshrc:
#   fpath+=~/.zfunc
#   autoload -Uz compinit && compinit
# Or, as a line after compinit:
#   source <(wasmrun completion zsh)

_wasmrun() {
    local -a earlier answer candidates
    local line word description
    (( CURRENT > 2 )) && earlier=("${(@Q)words[2,CURRENT-1]}")
    answer=("${(@f)$(wasmrun __complete -- "${earlier[@]}" "${(Q)PREFIX}" 2> /dev/null)}")
    for line in "${(@)answer[2,-1]}"; do
        word=${line%%$'\t'*} description=${line#*$'\t'}
        # A colon ends the word for _describe.
        candidates+=("${word//:/\\:}${description:+:$description}")
    done
    (( $#candidates )) && _describe wasmrun candidates
    if [[ ${answer[1]} != none ]]; then
        [[ $PREFIX == --*=* ]] && compset -P '*='
        if [[ ${answer[1]} == directories ]]; then _files -/; else _files; fi
    fi
}

# As a file of $fpath this is the body of the function, called for the first time.
if [[ ${funcstack[1]} == _wasmrun ]]; then
    _wasmrun "$@"
else
    compdef _wasmrun wasmrun
fi
