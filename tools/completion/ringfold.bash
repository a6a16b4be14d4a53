# Bash completion for ringfold and ./dev. A test compares it with what `ringfold COMMAND --help` says.
# Installed for ringfold; in a checkout: source tools/completion/ringfold.bash

# What follows each command: its options, and @kind for its arguments.
declare -A _ringfold_words=(
  [run]='--out --save-outputs --save-inputs --resume --timeline @experiment'
  [plan]='--json --operations --ranks @experiment'
  [check]='@experiment'
  [list]='strategies transports kernels'
  [doctor]=''
)
declare -A _dev_words=(
  [build]='clang-format clang-format-check clang-tidy'
  [test]='--sanitize --quick @test'
  [bench]=''
  [format]='--check'
  [lint]='@file'
)

_ringfold_keys='cluster.sp= cluster.tp= inputs.generate= inputs.seed= kernel= measure.repeats= measure.threads=
  measure.warmup= problem.dtype= problem.heads.dim= problem.heads.kv= problem.heads.query= problem.mask=
  problem.placement= problem.sequences= strategies= transport='

_ringfold_complete() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]}
  local program=${COMP_WORDS[0]##*/} words
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words="${!_ringfold_words[*]} --help --version"
    [[ $program != dev ]] || words+=" ${!_dev_words[*]}"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    return
  fi
  case $previous in
    --out) mapfile -t COMPREPLY < <(compgen -d -- "$word") && return ;;
    --timeline) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    --sanitize) mapfile -t COMPREPLY < <(compgen -W 'address thread' -- "$word") && return ;;
    --ranks) return ;;
  esac
  words=${_ringfold_words[$command]-}
  [[ $program != dev ]] || words+=" ${_dev_words[$command]-}"
  if [[ $word == -* || $words != *@* ]]; then
    [[ $words != *@* ]] || words+=' --help'
    mapfile -t COMPREPLY < <(compgen -W "${words%%@*}" -- "$word")
  elif [[ $words == *@experiment* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -X '!*.yaml' -- "$word" && compgen -d -S / -- "$word")
    ((COMP_CWORD == 2)) || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$_ringfold_keys" -- "$word")
    compopt -o nospace 2>/dev/null
  elif [[ $words == *@test* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${words%%@*} lib strategies transports kernels experiments tree" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -F _ringfold_complete ringfold dev
