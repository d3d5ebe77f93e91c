using System.CommandLine;

namespace StableDiffusion.Cli;

/// <summary>A command line from its words to the exit code: the one place where exceptions become lines.</summary>
internal static class CommandLine
{
    /// <summary>No word is taken for a file of further words: a prompt may begin with @.</summary>
    public static ParserConfiguration Parser { get; } = new() { ResponseFileTokenReplacer = null };

    public static int Run(IReadOnlyList<string> words)
    {
        var log = ConsoleLog.ForErrors(words);
        var (typed, completed) = ((ParseResult?)null, (ParseResult?)null);
        try
        {
            var root = GenerateCommand.Create();
            words = PromptWord.Keep(root, words);
            var parsed = root.Parse(words, Parser);
            if (parsed.Errors.Count > 0)
            {
                log.Error($"{UsageError.Describe(parsed)}. sd help all lists all options.");
                return ExitCode.Usage;
            }

            if (UsageError.Misspelt(parsed) is { } option)
            {
                log.Error($"Unrecognized option {OneLine.Quote(option)}; a text that begins so stands behind --. sd help all lists all options.");
                return ExitCode.Usage;
            }

            typed = parsed;
            completed = UserDefaults.Read(Configuration.PathOf(UserDefaults.FileName)).Complete(parsed, root, words);

            // What the user's file asks for holds for errors too.
            log = ConsoleLog.ForErrors([.. completed.Tokens.Select(token => token.Value)]);

            // Signals are Interruption's business: it lets the picture in the works be dropped cleanly, however long that takes.
            return completed.Invoke(new TypedInvocation(parsed) { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
        }
        catch (RequestException error) when (completed is not null && UserDefaults.BlamedBy(OptionNames.Message(error), typed!, completed) is { } option)
        {
            log.Error($"{OptionNames.Message(error)} ({option} is set in {Configuration.PathOf(UserDefaults.FileName)})");
            return ExitCode.Usage;
        }
        catch (Exception error)
        {
            return Report(error, words, log);
        }
    }

    /// <summary>Says in one line why the program ends, and gives the exit code that goes with it.</summary>
    internal static int Report(Exception error, IReadOnlyList<string> words, ConsoleLog log)
    {
        switch (error)
        {
            case RequestException:
                log.Error(OptionNames.Message(error));
                return ExitCode.Usage;
            case ModelException or DeviceException or BatchStopException:
                log.Error(OptionNames.Message(error));
                return ExitCode.Failed;
            case OperationCanceledException when Interruption.ExitCodeOfSignal is { } exitCode:
                log.Error("stopped; files already reported are complete.");
                return exitCode;
            case StandardOutputException:
                log.Error(error.Message);
                return ExitCode.Failed;
            case UnauthorizedAccessException:
                log.Error($"{OneLine.Of(error.Message).TrimEnd('.')}; change its rights, or name another place.");
                return ExitCode.Failed;
            case IOException:
                // Files report what is wrong with them themselves; what is left is mostly standard output: closed, or on a full disk.
                log.Error($"writing to standard output or to a file failed: {OneLine.Of(error.Message)}");
                return ExitCode.Failed;
            case OutOfMemoryException:
                log.Error("the memory is used up; ask for a smaller -W and -H, fewer --num-images, or --low-memory.");
                return ExitCode.Failed;
        }

        var wantsTrace = words.Any(word => word is "--verbose" or "-v");
        log.Error($"this should not have happened ({error.GetType().Name}: {OneLine.Of(error.Message).TrimEnd('.')}); please report it with the command line{(wantsTrace ? "" : " and what --verbose adds")}.");
        if (wantsTrace)
        {
            log.Error(OneLine.Of(error.ToString()));
        }

        return ExitCode.Unforeseen;
    }
}

/// <summary>A run of a command that knows what was typed, without what the user's defaults added.</summary>
internal sealed class TypedInvocation(ParseResult typed) : InvocationConfiguration
{
    /// <summary>What was typed of a command line that is being run.</summary>
    public static ParseResult Of(ParseResult running) => running.InvocationConfiguration is TypedInvocation { Typed: var typed } ? typed : running;

    private ParseResult Typed { get; } = typed;
}
