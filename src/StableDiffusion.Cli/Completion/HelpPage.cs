using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Text;

namespace StableDiffusion.Cli;

/// <summary>The help: one screen for the program, everything in groups for <c>help all</c>, the schedulers, and a page for each command.</summary>
internal static class HelpPage
{
    private const int Width = 100;

    private const string ExitCodes =
        "Exit codes: 0 done, 1 failed (model, device), 2 cannot be done (option, input or output file), 130 stopped by Ctrl-C, 143 by SIGTERM.";

    /// <summary>Command lines for a start.</summary>
    public static IReadOnlyList<string> Examples { get; } =
    [
        "sd \"a red apple, 3d render\"",
        "sd \"a guitar, line art\" --steps 25 --seed 1..4 --output 'guitars/{seed}.png'",
        "sd \"a castle\" --model models/sd15 --init-image sketch.jpg --strength 0.6 --output castle.webp",
    ];

    /// <summary>The options used most, in a few words each.</summary>
    private static readonly (string Name, string Words)[] _mostUsed =
    [
        ("--output", "file (.png, .jpg, .webp), folder/ or pattern"),
        ("--model", "folder of a model, or its name; none: the embedded one"),
        ("--negative-prompt", "what the picture should not show"),
        ("--seed", "a number, list 1,2,3 or range 5..9; -1 draws one"),
        ("--batch-count", "how many pictures, with seed, seed+1, …"),
        ("--steps", "denoising steps"),
        ("--cfg-scale", "how closely to follow the prompt"),
        ("--scheduler", "euler_a, dpmpp_2m, …: the sampler"),
        ("--width", "pixels"),
        ("--height", "pixels"),
        ("--init-image", "picture to start from"),
        ("--strength", "how far to go from it, 0 to 1"),
        ("--mask", "white where it is to be painted anew"),
        ("--lora", "a LoRA and its weight"),
        ("--device", "where to run"),
    ];

    private static readonly (string Title, string[] Names)[] _groups =
    [
        ("Picture", ["--prompt", "--negative-prompt", "--seed", "--batch-count", "--num-images", "--width", "--height", "--steps", "--cfg-scale"]),
        ("Model and files", ["--model", "--variant", "--preset", "--output", "--quality", "--from", "--save-latents"]),
        ("Sampling", ["--scheduler", "--sigmas", "--spacing", "--prediction", "--scheduler-config", "--eta", "--rng", "--latents"]),
        ("Prompt and guidance", ["--clip-skip", "--long-prompt", "--guidance-rescale", "--guidance-start", "--guidance-end", "--guidance-every", "--deep-cache"]),
        ("Starting from a picture", ["--init-image", "--strength", "--mask", "--resize-mode"]),
        ("Variations and size", ["--variation-seed", "--variation-strength", "--hires-scale", "--hires-steps", "--hires-strength", "--hires-upscaler", "--upscale", "--upscaler", "--tiling"]),
        ("Watching it form", ["--steps-to", "--animate", "--preview", "--preview-format"]),
        ("LoRAs and learnt words", ["--lora", "--lora-dir", "--embedding", "--embedding-dir"]),
        ("ControlNets", ["--control", "--control-image", "--control-preprocessor", "--guess-mode"]),
        ("SDXL", ["--prompt-2", "--negative-prompt-2", "--original-size", "--crop", "--target-size"]),
        ("The run", ["--device", "--provider", "--provider-library", "--provider-option", "--cuda-option", "--threads", "--attention", "--precision", "--low-memory", "--graph-cache", "--vae-tiling", "--vae-tile-size", "--vae-tile-overlap", "--json", "--progress", "--quiet", "--verbose"]),
    ];

    /// <summary>Puts these pages behind <c>--help</c> of every command, and adds the command <c>help</c>.</summary>
    public static void AddTo(RootCommand root)
    {
        root.Options.OfType<HelpOption>().Single().Action = new Action(root);
        var topic = new Argument<string[]>("topic") { Description = "all, schedulers, or a command such as batch merge; none for the one screen of --help.", Arity = ArgumentArity.ZeroOrMore };
        var help = new Command("help", "Shows help: sd help all lists every option. Example:\n  sd help all") { topic };
        help.SetAction(parsed =>
        {
            Console.Out.Write(OfTopic(root, parsed.GetValue(topic)!));
            return ExitCode.Done;
        });
        root.Add(help);
    }

    /// <summary>The page of a topic.</summary>
    /// <exception cref="RequestException">There is none.</exception>
    public static string OfTopic(RootCommand root, IReadOnlyList<string> topic)
    {
        if (topic is ["all"])
        {
            return All(root);
        }

        if (topic is ["schedulers"])
        {
            return Schedulers();
        }

        Command command = root;
        foreach (var word in topic)
        {
            command = command.Subcommands.FirstOrDefault(one => one.Name == word)
                ?? throw new RequestException($"there is no help for {OneLine.Quote(string.Join(' ', topic))}; give all, schedulers, or one of {Commands(root)}.");
        }

        return command is RootCommand ? Screen(root) : Of(command);
    }

    /// <summary>The one screen.</summary>
    private static string Screen(RootCommand root)
    {
        var page = new StringBuilder("Usage: sd <prompt> [options]\n       sd <command> [options]\n\n");
        page.Append("Paints pictures from text with Stable Diffusion; the same seed gives the same picture as diffusers.\n\n");
        page.AppendJoin('\n', Examples.Select(example => $"  {example}")).Append("\n\nOptions used most:\n");
        var names = _mostUsed.Select(one => Names(root.Options.Single(option => option.Name == one.Name), shortOnly: true)).ToList();
        var column = names.Max(name => name.Length) + 4;
        foreach (var (name, words) in names.Zip(_mostUsed, (name, one) => (name, one.Words)))
        {
            page.Append($"  {name.PadRight(column - 2)}{words}\n");
        }

        page.Append("\nCommands:\n");
        Wrap(page, Commands(root), "  ");
        page.Append("\nMore:\n  sd help all           every option, in groups\n  sd help schedulers    what each of them is\n  sd help batch         one command\n\n");
        Wrap(page, $"Paths of pictures go to standard output, everything else to standard error. {ExitCodes}", "");
        return page.ToString();
    }

    private static string All(RootCommand root)
    {
        var page = new StringBuilder("Usage: sd <prompt> [options]\n       sd <command> [options]\n\n");
        Describe(page, root.Description);
        page.Append('\n');
        Arguments(page, root);
        var left = root.Options.Where(option => !option.Hidden).ToList();
        foreach (var (title, names) in (IEnumerable<(string, string[])>)[.. _groups, ("Other", [.. left.Select(option => option.Name).Except(_groups.SelectMany(group => group.Names))])])
        {
            page.Append($"{title}:\n");
            foreach (var option in names.Select(name => left.Find(option => option.Name == name)).OfType<Option>())
            {
                Entry(page, option);
            }

            page.Append('\n');
        }

        page.Append("Commands:\n");
        var column = root.Subcommands.Max(command => command.Name.Length) + 4;
        foreach (var command in root.Subcommands.Where(command => !command.Hidden))
        {
            Wrap(page, CompletionWords.FirstSentence(command.Description), $"  {command.Name}".PadRight(column), new string(' ', column));
        }

        return page.ToString();
    }

    /// <summary>What there is for <c>--scheduler</c>: a short name, the webui's, and what it is.</summary>
    private static string Schedulers()
    {
        var page = new StringBuilder("For --scheduler; names of webuis, with or without schedule type, and classes of diffusers work too.\n\n");
        var column = SchedulerTable.Names.Max(name => name.Length) + 4;
        foreach (var entry in SchedulerTable.Entries)
        {
            Wrap(page, $"{entry.WebUiName}: {entry.Description}", $"  {entry.Name}".PadRight(column), new string(' ', column));
        }

        return page.ToString();
    }

    /// <summary>A command's page.</summary>
    private static string Of(Command command)
    {
        var path = command.Name;
        for (var parent = command.Parents.OfType<Command>().FirstOrDefault(); parent is not null and not RootCommand; parent = parent.Parents.OfType<Command>().FirstOrDefault())
        {
            path = $"{parent.Name} {path}";
        }

        var arguments = string.Concat(command.Arguments.Where(argument => !argument.Hidden).Select(argument => argument.Arity.MinimumNumberOfValues == 0
            ? $" [<{argument.Name}>]"
            : $" <{argument.Name}>{(argument.Arity.MaximumNumberOfValues > 1 ? "..." : "")}"));
        var page = new StringBuilder($"Usage: sd {path}{arguments}{(command.Options.Count > 0 ? " [options]" : "")}\n\n");
        Describe(page, command.Description);
        page.Append('\n');
        Arguments(page, command);
        if (command.Options.Any(option => !option.Hidden))
        {
            page.Append("Options:\n");
            foreach (var option in command.Options.Where(option => !option.Hidden))
            {
                Entry(page, option);
            }
        }

        if (command.Subcommands.Count > 0)
        {
            page.Append($"\nCommands: {string.Join(", ", command.Subcommands.Select(one => $"{path} {one.Name}"))}\n");
        }

        return page.ToString();
    }

    private static string Commands(RootCommand root) =>
        string.Join(", ", root.Subcommands.Where(command => !command.Hidden).Select(command => command.Name));

    private static void Arguments(StringBuilder page, Command command)
    {
        foreach (var argument in command.Arguments.Where(argument => !argument.Hidden))
        {
            Wrap(page, argument.Description ?? "", $"  <{argument.Name}>  ", "      ");
        }

        page.Append(command.Arguments.Count > 0 ? "\n" : "");
    }

    private static void Entry(StringBuilder page, Option option)
    {
        page.Append($"  {Names(option, shortOnly: false)}{(option.Required ? " (required)" : "")}\n");
        var description = option.Description ?? "";
        var hasDefault = option.HasDefaultValue && option.ValueType != typeof(bool) && option.ValueType != typeof(string[]) && !description.Contains("[default: ", StringComparison.Ordinal);
        Wrap(page, hasDefault ? $"{description} [default: {Convert.ToString(option.GetDefaultValue(), CultureInfo.InvariantCulture)}]" : description, "      ");
    }

    /// <summary>The long name, then its aliases, then what follows: <c>--model, -m &lt;folder&gt;</c>.</summary>
    private static string Names(Option option, bool shortOnly)
    {
        var aliases = option.Aliases.Where(alias => alias.StartsWith('-') && (!shortOnly || alias.Length == 2)).OrderBy(alias => alias.Length > 2).ThenBy(alias => alias, StringComparer.Ordinal);
        return string.Join(", ", aliases.Prepend(option.Name)) + (option.HelpName is { } value ? $" <{value}>" : "");
    }

    /// <summary>A description of several lines; what is indented stays as it is.</summary>
    private static void Describe(StringBuilder page, string? description)
    {
        foreach (var line in (description ?? "").Split('\n'))
        {
            page.Append(line.TrimEnd()).Append('\n');
        }
    }

    private static void Wrap(StringBuilder page, string text, string first, string? others = null)
    {
        var line = new StringBuilder(first);
        var isEmpty = true;
        foreach (var word in text.Split(' '))
        {
            if (!isEmpty && line.Length + 1 + word.Length > Width)
            {
                page.Append(line).Append('\n');
                line.Clear().Append(others ?? first);
                isEmpty = true;
            }

            line.Append(isEmpty ? "" : " ").Append(word);
            isEmpty = false;
        }

        page.Append(line).Append('\n');
    }

    private sealed class Action(RootCommand root) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var command = parseResult.CommandResult.Command;
            Console.Out.Write(command is RootCommand ? Screen(root) : Of(command));
            return ExitCode.Done;
        }
    }
}
