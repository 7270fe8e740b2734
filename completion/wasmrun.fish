# Completion of wasmrun for fish:
#   wasmrun completion fish > ~/.config/fish/completions/wasmrun.fish

function __wasmrun_complete
    set -l earlier (commandline -opc)
    set -e earlier[1]
    set -l current (commandline -ct)
    set -l answer (wasmrun __complete -- $earlier "$current" 2> /dev/null)
    set -l paths $answer[1]
    set -e answer[1]
    for candidate in $answer
        echo $candidate
    end
    test "$paths" = none; and return
    # fish completes whole words: the option before a path is one with it.
    set -l option (string match -r -- '^--[^=]+=' "$current")
    set -l typed (string replace -r -- '^--[^=]+=' '' "$current")
    if test "$paths" = directories
        for path in (__fish_complete_directories "$typed" '')
            echo "$option$path"
        end
    else
        for path in (__fish_complete_path "$typed")
            echo "$option$path"
        end
    end
end

complete -c wasmrun -f -a '(__wasmrun_complete)'
