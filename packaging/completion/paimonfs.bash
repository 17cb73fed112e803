# bash completion for paimonfs
_paimonfs()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local commands="mount umount ls cat tail append overwrite lookup bitmap sql compact expire fsck status doctor demo"
    local options="ro rw allow_other memory= threads= cache= cache-size= commit-interval= write-only on-error=
        external-paths= formats= log= uid= gid= umask="
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$commands --help --version" -- "$word"))
    elif [ "$before" = -o ] && [ "${COMP_WORDS[1]}" = mount ]; then
        local done=${word%"${word##*,}"}
        COMPREPLY=($(compgen -P "$done" -W "$options" -- "${word##*,}"))
        compopt -o nospace
    elif [ "$before" = -o ]; then
        COMPREPLY=($(compgen -W "external-paths=" -- "$word"))
        compopt -o nospace
    elif [ "$before" = --cache ]; then
        COMPREPLY=($(compgen -W "partial full bucket" -- "$word"))
    elif [[ $word == -* ]]; then
        case ${COMP_WORDS[1]} in
        mount) COMPREPLY=($(compgen -W "-f -o" -- "$word")) ;;
        cat) COMPREPLY=($(compgen -W "--memory -o" -- "$word")) ;;
        ls | overwrite | sql | expire) COMPREPLY=($(compgen -W "-o" -- "$word")) ;;
        lookup) COMPREPLY=($(compgen -W "--columns --found --missing --cache --memory -o" -- "$word")) ;;
        bitmap) COMPREPLY=($(compgen -W "--group-by --bitmap --as --bits" -- "$word")) ;;
        append) COMPREPLY=($(compgen -W "--no-compact -o" -- "$word")) ;;
        compact) COMPREPLY=($(compgen -W "--full -o" -- "$word")) ;;
        tail) COMPREPLY=($(compgen -W "-n -o" -- "$word")) ;;
        fsck) COMPREPLY=($(compgen -W "--deep --json -o" -- "$word")) ;;
        status | doctor) COMPREPLY=($(compgen -W "--json" -- "$word")) ;;
        esac
    else
        case ${COMP_WORDS[1]} in
        bitmap) COMPREPLY=($(compgen -W "union-count union cardinality build" -- "$word")) ;;
        umount | status | doctor)
            COMPREPLY=($(compgen -W "$(awk '$3 == "fuse.paimonfs" { print $2 }' /proc/self/mounts)" -- "$word")) ;;
        ls | cat | tail | append | overwrite | lookup)
            if [ "$COMP_CWORD" -gt 2 ]; then # a path of the tree
                local dir=${word%"${word##*/}"}
                COMPREPLY=($(compgen -P "$dir" -W "$(paimonfs ls "${COMP_WORDS[2]/#\~/$HOME}" "$dir" 2>/dev/null)" \
                    -- "${word##*/}"))
                compopt -o nospace
            else
                COMPREPLY=($(compgen -d -- "$word"))
            fi ;;
        *) COMPREPLY=($(compgen -d -- "$word")) ;;
        esac
    fi
}
complete -F _paimonfs paimonfs
