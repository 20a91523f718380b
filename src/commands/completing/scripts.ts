import type { Shell } from './shells.ts';

// What a shell runs at TAB. Each asks `keyctl __complete <shell>`, which reads the words from stdin: arguments are seen by every user of the
// machine, and somebody may be typing a secret. Its first line is `files` or `names`; then come the candidates, a tab, and what they are.
// They are our own: those of @bomb.sh/tab evaluate the line and every candidate, put spaces in without quotes and cannot wait for a store.
// SECURITY: no candidate and nothing that was typed is ever evaluated; a key may be called $(reboot).

/** readline puts a candidate in as it is, so it comes with its quotes from keyctl. Works with bash 3.2, which macOS has. */
const BASH = `# keyctl's completion for bash. Load it with: source <(keyctl completion bash)
_keyctl() {
    local program=\${1/#\\~\\//$HOME/} line open=1
    COMPREPLY=()
    type "$program" >/dev/null 2>&1 || program=keyctl
    while IFS= read -r line; do
        if [ "$open" = 1 ]; then
            open=0
            if [ "$line" = files ]; then
                compopt -o default 2>/dev/null
                return
            fi
        else
            COMPREPLY[\${#COMPREPLY[@]}]=\${line%%$'\\t'*}
        fi
    done < <(printf '%s' "\${COMP_LINE:0:COMP_POINT}" | "$program" __complete bash "$COMP_WORDBREAKS" 2>/dev/null)
    # What goes on, as acme/ and --by= do, gets no space.
    case \${COMPREPLY[0]} in */ | *=) compopt -o nospace 2>/dev/null ;; esac
}
complete -F _keyctl keyctl apikeyctl
`;

const ZSH = `#compdef keyctl apikeyctl
# keyctl's completion for zsh. Load it with: source <(keyctl completion zsh)
_keyctl() {
    local program=\${(Q)words[1]} line
    local -a answer values shown onward onward_shown
    local -i width=0
    program=\${program/#\\~\\//$HOME/}
    (( \${+commands[$program]} )) || [[ -x $program ]] || program=keyctl
    answer=("\${(@f)$(print -rn -- "\${(pj:\\0:)\${(@Q)words[1,CURRENT-1]}}"$'\\0'"\${(Q)PREFIX}" | $program __complete zsh 2>/dev/null)}")
    [[ $PREFIX == --*=* ]] && compset -P '--*='
    if [[ $answer[1] == files ]]; then
        _files
        return
    fi
    shift answer
    for line in $answer; do
        (( \${#\${line%%$'\\t'*}} > width )) && width=\${#\${line%%$'\\t'*}}
    done
    for line in $answer; do
        local value=\${line%%$'\\t'*} what=\${line#*$'\\t'}
        # What goes on, as acme/ and --by= do, gets no space.
        if [[ $value == */ || $value == *= ]]; then
            onward+=("$value")
            onward_shown+=("\${(r:width:)value}  $what")
        else
            values+=("$value")
            shown+=("\${(r:width:)value}  $what")
        fi
    done
    compadd -l -d shown -a values
    local -i none=$?
    compadd -S '' -l -d onward_shown -a onward && none=0
    return none
}
if [[ $funcstack[1] == _keyctl ]]; then
    _keyctl "$@"
elif (( $+functions[compdef] )); then
    compdef _keyctl keyctl apikeyctl
fi
`;

const FISH = `# keyctl's completion for fish. Load it with: keyctl completion fish | source
function __keyctl_complete
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    type -q -- $program; or set program keyctl
    set -l answer (begin; printf '%s\\n' $words; printf '%s' (commandline -ct); end | $program __complete fish 2>/dev/null)
    if test "$answer[1]" = files
        set -l flag (string match -r '^--[^=]*=' -- (commandline -ct))
        for path in (__fish_complete_path (string replace -- "$flag" '' (commandline -ct)))
            echo "$flag$path"
        end
    else if set -q answer[2]
        printf '%s\\n' $answer[2..-1]
    end
end
complete -c keyctl -e
complete -c apikeyctl -e
complete -c keyctl -f -a '(__keyctl_complete)'
complete -c apikeyctl -f -a '(__keyctl_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
