# Completion of wasmrun for bash. Where the package bash-completion is installed:
#   wasmrun completion bash > ~/.local/share/bash-completion/completions/wasmrun
# Elsewhere, as a line of ~/.bashrc:
#   source <(wasmrun completion bash)

_wasmrun() {
    # bash breaks words at = and : too, where those of wasmrun go on.
    local rest=${COMP_LINE:0:COMP_POINT} words=() last=-1 before='' piece trimmed
    for piece in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
        trimmed=${rest#"${rest%%[![:space:]]*}"}
        if [[ $last -lt 0 || $trimmed != "$rest" ]]; then
            words[++last]=''
        fi
        # The cursor may stand inside of the last one.
        [[ $trimmed == "$piece"* ]] || piece=$trimmed
        rest=${trimmed:${#piece}}
        before=${words[last]}
        words[last]+=$piece
    done
    # What stands before the last break is not bash's to replace.
    [[ -n $piece && $piece != *[!:=]* ]] && before+=$piece

    local paths='' line
    COMPREPLY=()
    while IFS= read -r line; do
        if [[ -z $paths ]]; then
            paths=$line
        else
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$before"}")
        fi
    done < <(wasmrun __complete -- "${words[@]:1}" 2> /dev/null)
    case $paths in
        files) compopt -o default ;;
        directories) compopt -o dirnames ;;
    esac
}

complete -F _wasmrun wasmrun
