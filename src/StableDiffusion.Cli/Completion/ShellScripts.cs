using System.Text;

namespace StableDiffusion.Cli;

/// <summary>Completion scripts, whole in themselves: nothing is started while a user types.</summary>
internal static class ShellScripts
{
    public static IReadOnlyList<string> Shells { get; } = ["bash", "zsh", "fish", "pwsh"];

    public static string Write(string shell, IReadOnlyList<CompletionWords.Entry> entries) => shell switch
    {
        "bash" => Bash(entries),
        "zsh" => Zsh(entries),
        "fish" => Fish(entries),
        "pwsh" => PowerShell(entries),
        _ => throw new RequestException($"'{OneLine.Of(shell)}' is no shell that is known; give {string.Join(", ", Shells)}."),
    };

    private static string Bash(IReadOnlyList<CompletionWords.Entry> entries)
    {
        var script = new StringBuilder("""
            # bash completion for sd; load it with: source <(sd completion bash)
            _sd() {
              local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command="" word
              for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
                case "$command/$word" in

            """);
        foreach (var entry in entries.Where(entry => entry.Path.Length > 0))
        {
            script.Append($"      \"{Parent(entry.Path)}/{LastWord(entry.Path)}\") command=\"{entry.Path}\" ;;\n");
        }

        script.Append("    esac\n  done\n  COMPREPLY=()\n  case \"$command/$prev\" in\n");
        foreach (var entry in entries)
        {
            foreach (var option in entry.Options.Where(option => option.Values.Count > 0))
            {
                var folders = option.Name == "--model" ? " $(compgen -d -- \"$cur\")" : "";
                script.Append($"    {string.Join('|', option.Names.Select(name => $"\"{entry.Path}/{name}\""))}) COMPREPLY=($(compgen -W \"{string.Join(' ', option.Values)}\" -- \"$cur\"){folders}); return ;;\n");
            }

            if (entry.Options.Where(option => option.TakesValue && option.Values.Count == 0).SelectMany(option => option.Names).ToList() is { Count: > 0 } plain)
            {
                script.Append($"    {string.Join('|', plain.Select(name => $"\"{entry.Path}/{name}\""))}) return ;;\n");
            }
        }

        script.Append("  esac\n  case \"$command\" in\n");
        foreach (var entry in entries)
        {
            script.Append($"    \"{entry.Path}\") if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"{string.Join(' ', entry.Options.SelectMany(option => option.Names))}\" -- \"$cur\")); ");
            script.Append(entry.Commands.Count > 0 ? $"else COMPREPLY=($(compgen -W \"{string.Join(' ', entry.Commands.Select(one => one.Name))}\" -- \"$cur\")); fi ;;\n" : "fi ;;\n");
        }

        return script.Append("  esac\n}\ncomplete -o default -F _sd sd\n").ToString();
    }

    private static string Zsh(IReadOnlyList<CompletionWords.Entry> entries)
    {
        var script = new StringBuilder("""
            #compdef sd
            # zsh completion for sd; load it with: source <(sd completion zsh), or put it as _sd into a folder of $fpath
            _sd() {
              local command="" word prev=${words[CURRENT-1]}
              local -a options commands
              for word in ${words[2,CURRENT-1]}; do
                case "$command/$word" in

            """);
        foreach (var entry in entries.Where(entry => entry.Path.Length > 0))
        {
            script.Append($"      \"{Parent(entry.Path)}/{LastWord(entry.Path)}\") command=\"{entry.Path}\" ;;\n");
        }

        script.Append("    esac\n  done\n  case \"$command/$prev\" in\n");
        foreach (var entry in entries)
        {
            foreach (var option in entry.Options.Where(option => option.Values.Count > 0))
            {
                script.Append($"    {string.Join('|', option.Names.Select(name => $"\"{entry.Path}/{name}\""))}) compadd -- {string.Join(' ', option.Values)}{(option.Name == "--model" ? "; _files -/" : "")}; return ;;\n");
            }

            if (entry.Options.Where(option => option.TakesValue && option.Values.Count == 0).SelectMany(option => option.Names).ToList() is { Count: > 0 } plain)
            {
                script.Append($"    {string.Join('|', plain.Select(name => $"\"{entry.Path}/{name}\""))}) _files; return ;;\n");
            }
        }

        script.Append("  esac\n  case \"$command\" in\n");
        foreach (var entry in entries)
        {
            script.Append($"    \"{entry.Path}\")\n      options=({string.Join(' ', entry.Options.SelectMany(option => option.Names.Select(name => Quote($"{name}:{option.Description}"))))})\n");
            script.Append($"      commands=({string.Join(' ', entry.Commands.Select(one => Quote($"{one.Name}:{one.Description}")))}) ;;\n");
        }

        return script.Append("""
              esac
              if [[ ${words[CURRENT]} == -* ]]; then _describe option options
              else (( $#commands )) && _describe command commands; _files; fi
            }
            if [[ ${funcstack[1]} == _sd ]]; then _sd "$@"; else compdef _sd sd; fi

            """).ToString();
    }

    private static string Fish(IReadOnlyList<CompletionWords.Entry> entries)
    {
        var script = new StringBuilder("# fish completion for sd; load it with: sd completion fish | source\n");
        var all = string.Join(' ', entries[0].Commands.Select(one => one.Name));
        foreach (var entry in entries)
        {
            var condition = entry.Path.Length == 0
                ? $"not __fish_seen_subcommand_from {all}"
                : string.Join("; and ", entry.Path.Split(' ').Select(word => $"__fish_seen_subcommand_from {word}"));
            foreach (var one in entry.Commands)
            {
                script.Append($"complete -c sd -n {Quote(condition)} -a {one.Name} -d {Quote(one.Description)}\n");
            }

            foreach (var option in entry.Options)
            {
                script.Append($"complete -c sd -n {Quote(condition)}");
                foreach (var name in option.Names)
                {
                    script.Append(name.StartsWith("--", StringComparison.Ordinal) ? $" -l {name[2..]}" : name.Length == 2 ? $" -s {name[1..]}" : $" -o {name[1..]}");
                }

                script.Append(option.Values.Count > 0 && option.Name != "--model" ? " -x" : option.TakesValue ? " -r" : "");
                script.Append(option.Values.Count > 0 ? $" -a {Quote(string.Join(' ', option.Values))}" : "");
                script.Append($" -d {Quote(option.Description)}\n");
            }
        }

        return script.ToString();
    }

    private static string PowerShell(IReadOnlyList<CompletionWords.Entry> entries)
    {
        static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
        static string List(IEnumerable<string> words) => $"@({string.Join(", ", words.Select(Literal))})";
        var script = new StringBuilder("# PowerShell completion for sd; load it with: sd completion pwsh | Out-String | Invoke-Expression\n");
        script.Append("Register-ArgumentCompleter -Native -CommandName sd -ScriptBlock {\n  param($wordToComplete, $commandAst, $cursorPosition)\n  $words = @{\n");
        foreach (var entry in entries)
        {
            script.Append($"    {Literal(entry.Path)} = {List(entry.Commands.Select(one => one.Name).Concat(entry.Options.SelectMany(option => option.Names)))}\n");
        }

        script.Append("  }\n  $values = @{\n");
        foreach (var name in entries.SelectMany(entry => entry.Options).Where(option => option.Values.Count > 0).SelectMany(option => option.Names.Select(name => (name, option.Values))).DistinctBy(one => one.name.ToLowerInvariant()))
        {
            script.Append($"    {Literal(name.name)} = {List(name.Values)}\n");
        }

        return script.Append("""
              }
              $command = ''
              $typed = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
              foreach ($word in $typed) { $next = "$command $word".Trim(); if ($words.ContainsKey($next)) { $command = $next } }
              $before = if ($wordToComplete) { $typed[-2] } else { $typed[-1] }
              $list = if ($before -and $values.ContainsKey($before)) { $values[$before] } else { $words[$command] }
              $list | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
            }

            """).ToString();
    }

    private static string Parent(string path) => path.Contains(' ', StringComparison.Ordinal) ? path[..path.LastIndexOf(' ')] : "";

    private static string LastWord(string path) => path[(path.LastIndexOf(' ') + 1)..];

    /// <summary>In single quotes, as sh, zsh and fish read them.</summary>
    private static string Quote(string text) => $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
