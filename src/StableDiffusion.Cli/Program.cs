using System.CommandLine;
using StableDiffusion;
using StableDiffusion.Cli;

var root = GenerateCommand.Create();
var parsed = root.Parse(args);
var log = ConsoleLog.ForErrors(args);
if (parsed.Errors.Count > 0)
{
    log.Error($"{UsageError.Describe(parsed)}. Run with --help for all options.");
    return ExitCode.Usage;
}

try
{
    parsed = UserDefaults.Read(Configuration.PathOf(UserDefaults.FileName)).Complete(parsed, root, args);

    // Signals are Interruption's business: it lets the picture in the works be dropped cleanly, however long that takes.
    return parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false });
}
catch (RequestException error)
{
    log.Error(OptionNames.Message(error));
    return ExitCode.Usage;
}
catch (Exception error) when (error is ModelException or DeviceException or BatchStopException)
{
    log.Error(OptionNames.Message(error));
    return ExitCode.Failed;
}
catch (Exception error) when (error is IOException or UnauthorizedAccessException)
{
    // Files report what is wrong with them themselves; what is left is mostly standard output: closed, or on a full disk.
    log.Error($"writing failed: {OneLine.Of(error.Message)}");
    return ExitCode.Failed;
}
catch (OutOfMemoryException)
{
    log.Error("the memory is used up; ask for a smaller -W and -H, fewer --num-images, or --low-memory.");
    return ExitCode.Failed;
}
