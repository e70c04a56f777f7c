"""What `bakup completion` prints: each shell asks bakup, and shows what it answers.

The shell sets `_BAKUP_COMPLETE` to its name and gives the words up to the cursor as arguments, without their quotes
(bash: the line itself, in `COMP_LINE` up to `COMP_POINT`, and the word as bash cuts it in `COMP_WORD`). The answer is a
kind (`words`, `paths`, or `files`: the shell's own business), then values, each with a help text: all ended by a
zero byte for bash and zsh, a line each with a tab between for fish and PowerShell.
"""

from __future__ import annotations

from typing import Final

VARIABLE: Final = "_BAKUP_COMPLETE"

BASH = r"""
_bakup() {
    local kind value help
    COMPREPLY=()
    {
        IFS= read -r -d '' kind
        while IFS= read -r -d '' value && IFS= read -r -d '' help; do
            COMPREPLY+=("$value")
        done
    } < <(_BAKUP_COMPLETE=bash COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT COMP_WORD=$2 "$1" 2>/dev/null)
    case $kind in
        paths)
            if [[ ${COMPREPLY[*]} == *'$'* && $2 != [\'\"]* ]]; then
                # Bash quotes the names of files by itself, but for this sign.
                for value in "${!COMPREPLY[@]}"; do
                    printf -v "COMPREPLY[value]" %q "${COMPREPLY[value]}"
                done
            else
                compopt -o filenames
            fi
            ;;
        files) compopt -o bashdefault -o default ;;
    esac
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == */ ]]; then
        compopt -o nospace
    fi
}
complete -F _bakup bakup
"""

ZSH = r"""
#compdef bakup
_bakup() {
    local kind value help
    local -a answer words_described leaves folders
    answer=("${(@0)$(_BAKUP_COMPLETE=zsh $words[1] "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    kind=$answer[1]
    if [[ $kind == files ]]; then
        _files
        return
    fi
    for value help in "${(@)answer[2,-1]}"; do
        case $kind:$value in
            words:?*) words_described+=("${value//:/\\:}:$help") ;;
            paths:*/) folders+=("$value") ;;
            paths:?*) leaves+=("$value") ;;
        esac
    done
    (( $#words_described )) && _describe -V bakup words_described
    (( $#folders )) && compadd -S '' -- "${(@)folders}"
    (( $#leaves )) && compadd -- "${(@)leaves}"
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _bakup "$@"
else
    compdef _bakup bakup
fi
"""

FISH = r"""
function __bakup_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l answer (_BAKUP_COMPLETE=fish $words (string unescape -- "$typed") 2>/dev/null)
    if test "$answer[1]" = files
        __fish_complete_path "$typed"
    else
        string join \n -- $answer[2..]
    end
end
complete --command bakup --no-files --keep-order --arguments '(__bakup_complete)'
"""

POWERSHELL = r"""
Register-ArgumentCompleter -Native -CommandName bakup -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($null -ne $_.Value) { "$($_.Value)" } else { $_.Extent.Text } })
    $env:_BAKUP_COMPLETE = 'powershell'
    $env:COMP_WORD = $wordToComplete.Trim("'", '"')
    bakup @words 2>$null | Select-Object -Skip 1 | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        $typed = if ($value -match '^[\w./\\~:-]+$') { $value } else { "'" + $value.Replace("'", "''") + "'" }
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($typed, $value, 'ParameterValue', $help)
    }
    Remove-Item Env:_BAKUP_COMPLETE, Env:COMP_WORD
}
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}
"""Shell -> what it reads once."""
