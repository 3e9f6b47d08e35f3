// Scripts by which shells ask `nodec --complete WORD…` for what may come next.
#include "compiler/driver/completion.hpp"

namespace nodec::driver {
namespace {

// Words that bash splits at '=' are joined again, since COMPREPLY replaces only what follows the last one.
constexpr const char* bash = R"sh(# bash completion of nodec, made by `nodec completion bash`.
__nodec_unquoted() {
  local unquoted=$1
  # Only what runs nothing is read as the shell would.
  if [[ $1 != *[\$\`\;\&\|\<\>\(\)]* && $1 != *$'\n'* ]]; then
    eval "unquoted=$1" 2>/dev/null || unquoted=${1#[\"\']}
  fi
  printf '%s' "$unquoted"
}

__nodec_files() {
  local part=$1 path ending kept=() all=()
  while IFS= read -r path; do
    all+=("$path")
    [[ -d ${path/#\~\//$HOME/} ]] && kept+=("$path") && continue
    for ending in "${@:2}"; do
      [[ $path == *."$ending" ]] && kept+=("$path") && break
    done
  done < <(compgen -f -- "$part")
  ((${#kept[@]} && $# > 1)) || kept=("${all[@]}")
  ((${#kept[@]})) || return
  COMPREPLY+=("${kept[@]}")
  compopt -o filenames 2>/dev/null
}

_nodec() {
  local words=() rest=${COMP_LINE:0:COMP_POINT} word i
  for ((i = 0; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    local trimmed=${rest#"${rest%%[![:space:]]*}"}
    ((i == COMP_CWORD)) && word=$trimmed
    if ((i > 0)) && [[ $rest == "$trimmed" && -n $word ]]; then
      words[${#words[@]} - 1]+=$word
    else
      words+=("$word")
    fi
    rest=${trimmed#"$word"}
  done
  local count=${#words[@]} current=${words[${#words[@]} - 1]} asked=() command
  command=$(__nodec_unquoted "${words[0]}")
  for ((i = 1; i < count - 1; ++i)); do asked+=("$(__nodec_unquoted "${words[i]}")"); done
  current=$(__nodec_unquoted "$current")

  # What stands before the part that bash replaces.
  local before="" last=${COMP_WORDBREAKS//[^=:]/}
  if [[ -n $last && $current == *[$last]* ]]; then before=${current%"${current##*[$last]}"}; fi
  local line value meaning found=() meanings=() files=()
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files$'\t'* ]]; then
      IFS=$'\t' read -ra files <<<"${line/$'\t\t'/$'\t:\t'}"
      continue
    fi
    value=${line%%$'\t'*} meaning=""
    [[ $line == *$'\t'* ]] && meaning=${line#*$'\t'}
    [[ $value == "$before"* ]] || continue
    found+=("${value#"$before"}") meanings+=("$meaning")
  done < <("$command" --complete "${asked[@]}" "$current" 2>/dev/null)

  compopt -o nosort 2>/dev/null
  if ((${#files[@]})); then
    local prefix=${files[1]}
    [[ $prefix == : ]] && prefix=""
    __nodec_files "${current#"$prefix"}" "${files[@]:2}"
    # Only the part after the last '=' is replaced, which is the file's name, unless a comma stands between.
    local between=${prefix#"$before"}
    ((${#between})) && COMPREPLY=("${COMPREPLY[@]/#/$between}")
  fi
  # A list is shown with what its words mean; what is filled in are the words.
  local width=0
  for value in "${found[@]}"; do ((${#value} > width)) && width=${#value}; done
  for ((i = 0; i < ${#found[@]}; ++i)); do
    if ((${#found[@]} > 1 && ${COMP_TYPE:-9} == 63 && ${#files[@]} == 0)) && [[ -n ${meanings[i]} ]]; then
      printf -v line '%-*s  %s' "$width" "${found[i]}" "${meanings[i]}"
      COMPREPLY+=("${line:0:${COLUMNS:-80} - 1}")
    else
      COMPREPLY+=("${found[i]}")
    fi
  done
  ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _nodec nodec
)sh";

constexpr const char* zsh = R"sh(#compdef nodec
# zsh completion of nodec, made by `nodec completion zsh`.
_nodec() {
  local line word meaning
  local -a asked files described open
  asked=("${(@Q)words[2,CURRENT-1]}")
  for line in "${(@f)$("${(Q)words[1]/#\~\//$HOME/}" --complete "${asked[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    if [[ $line == :files$'\t'* ]]; then
      files=("${(@ps:\t:)line}")
      continue
    fi
    word=${line%%$'\t'*}
    [[ -n $word ]] || continue
    meaning=""
    [[ $line == *$'\t'* ]] && meaning=${line#*$'\t'}
    if [[ $word == *= ]]; then
      open+=("$word")
    else
      described+=("${word//:/\\:}${meaning:+:$meaning}")
    fi
  done
  local found=1
  (($#described)) && _describe -V nodec described && found=0
  (($#open)) && compadd -S '' -a open && found=0
  if (($#files)); then
    local -a patterns
    patterns=("${(@)files[3,-1]/#/*.}")
    [[ -n $files[2] ]] && compset -P "${(b)files[2]}"
    if (($#patterns)); then
      _files -g "${(j: :)patterns}" && found=0
    else
      _files && found=0
    fi
  fi
  return found
}
if [[ $funcstack[1] == _nodec ]]; then
  _nodec "$@"
else
  compdef _nodec nodec
fi
)sh";

constexpr const char* fish = R"sh(# fish completion of nodec, made by `nodec completion fish`.
function __nodec_files
    set -l prefix $argv[1]
    set -l part (string sub -s (math (string length -- $prefix) + 1) -- $argv[2])
    set -l endings $argv[3..-1]
    set -l all (complete -C "__fish_command_without_completions $part" | string replace -r '\t.*' '')
    set -l kept $all
    if test -n "$endings"
        set kept (string match -r -- '.*(?:/|\.(?:'(string join '|' $endings)'))$' $all)
        string match -qr -- '[^/]$' $kept; or test (count $kept) -gt 0; or set kept $all
    end
    for path in $kept
        echo -- $prefix$path
    end
end

function __nodec_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l command (string replace -r '^~/' $HOME/ -- $words[1])
    for line in ($command --complete (string unescape -- $words[2..-1]) (string unescape -- $current; or echo $current) 2>/dev/null)
        if string match -q -- ':files*' $line
            set -l files (string split \t -- $line)
            __nodec_files "$files[2]" "$current" $files[3..-1]
        else
            echo $line
        end
    end
end
complete -c nodec -f -k -a '(__nodec_complete)'
)sh";

}  // namespace

std::string completion_script(const std::string& shell) {
  return shell == "bash" ? bash : shell == "zsh" ? zsh : shell == "fish" ? fish : "";
}

}  // namespace nodec::driver
