# Completion of `ringfold` and of `./dev` for bash: source this file, or install it where bash looks for completions.

_ringfold() {
  local word=${COMP_WORDS[COMP_CWORD]} command='' i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      run | plan | check | compare | show | export | report | list | doctor | test | build | bench) command=${COMP_WORDS[i]} && break ;;
    esac
  done
  local words=''
  case $command in
    '')
      words='run plan check compare show export report list doctor --help --version'
      [[ ${COMP_WORDS[0]} != *dev ]] || words+=' test build bench format lint'
      ;;
    run) words='--out --resume --save-outputs --save-inputs --timeline --help' ;;
    plan) words='--json --operations --ranks --tflops --gbps --help' ;;
    check) words='--schema --help' ;;
    report) words='-o --output --help' ;;
    compare) words='--fail-on --noise-floor --in --json --help' ;;
    show) words='--help' ;;
    export) words='--csv --help' ;;
    list) words='strategies transports kernels' ;;
    test) words='--sanitize --quick' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  case $command in
    run | plan | check)
      [[ $word == -* ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -S / -- "$word"; compgen -f -X '!*.yaml' -- "$word")
      compopt -o nospace 2>/dev/null
      ;;
    compare | show | export | report)
      [[ $word == -* ]] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -S / -- "$word"; compgen -f -X '!*.jsonl' -- "$word")
      compopt -o nospace 2>/dev/null
      ;;
  esac
}

complete -F _ringfold ringfold ./dev dev
