using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary><c>inspect</c>: what a model holds and what works with it.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        var model = new Argument<string?>("model")
        {
            Description = "Folder, OWNER/NAME of a cached model, or short name. [default: the model that would paint]",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command(
            "inspect",
            """
            Says what a model is: family, networks with inputs and outputs, parameters, memory, scheduler, what works and what is missing.
            Exit code 1 where it cannot be opened. Example:
              sd inspect models/emoji-256
            """)
        {
            model, json,
        };
        command.SetAction(parsed =>
        {
            var path = ProgramOptions.ModelPath(parsed.GetValue(model));
            if (!Directory.Exists(path))
            {
                _ = ModelFolder.Open(path); // says what is wrong with it
            }

            var report = ModelReport.Of(path);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(ResultJson.ToText(report.ToJson()));
            }
            else
            {
                Print(report);
            }

            return report.Problem is null ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static void Print(ModelReport report)
    {
        var o = Console.Out;
        o.WriteLine($"model      {report.Path}");
        o.WriteLine($"family     {report.Family ?? "not known"}");
        o.WriteLine($"scheduler  {report.Scheduler ?? "not known"}");
        if (report.Size is var (width, height))
        {
            o.WriteLine(string.Create(CultureInfo.InvariantCulture, $"size       {width}x{height} pixels"));
        }

        o.WriteLine($"weights    {ByteSize.Of(report.WeightBytes)}, the largest network {ByteSize.Of(report.LargestBytes)} (what --low-memory takes)");
        foreach (var network in report.Networks)
        {
            o.WriteLine();
            o.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{network.Part}: {Millions(network.Parameters)} parameters, {network.Precision}, {ByteSize.Of(network.WeightBytes)}, {network.Nodes} operators, opset {network.Opset}{(network.ForeignDomains.Count > 0 ? $" and {string.Join(", ", network.ForeignDomains)}" : "")}"));
            foreach (var input in network.Inputs)
            {
                o.WriteLine($"  takes {NetworkReport.Describe(input)}");
            }

            foreach (var output in network.Outputs)
            {
                o.WriteLine($"  gives {NetworkReport.Describe(output)}");
            }
        }

        o.WriteLine();
        foreach (var (name, works, why) in report.Works)
        {
            o.WriteLine($"{name,-15} {(works ? "yes" : $"no: {why}")}");
        }

        if (report.Assumed is { } assumed)
        {
            o.WriteLine();
            o.WriteLine($"assumed: {assumed}");
        }

        if (report.Problem is { } problem)
        {
            o.WriteLine();
            o.WriteLine($"problem: {problem}");
        }
    }

    private static string Millions(long parameters) => parameters switch
    {
        >= 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e9:0.00} billion"),
        >= 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{parameters / 1e6:0.0} million"),
        _ => parameters.ToString(CultureInfo.InvariantCulture),
    };
}
