using System.CommandLine;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>doctor</c>: what works on this machine, and what does not and why.</summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var program = new ProgramOptions();
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command(
            "doctor",
            """
            Looks at the runtime, the processor, memory, CUDA and the library that it misses, caches and configuration, and paints a picture.
            Exit code 1 where something does not work. Example:
              sd doctor
            """)
        {
            program.Model, program.ProviderLibraryPath, json,
        };
        command.SetAction(parsed =>
        {
            var findings = new List<Finding>();
            foreach (var finding in Doctor.Examine(program.ModelPath(parsed), parsed.GetValue(program.ProviderLibraryPath)))
            {
                findings.Add(finding);
                if (!parsed.GetValue(json))
                {
                    Console.Out.WriteLine($"{Mark(finding.State)} {finding.Name,-14} {finding.Text}");
                }
            }

            var healthy = findings.TrueForAll(finding => finding.State != FindingState.Bad);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(ResultJson.ToText(new JsonObject
                {
                    ["healthy"] = healthy,
                    ["findings"] = new JsonArray([.. findings.Select(finding => (JsonNode)finding.ToJson())]),
                }));
            }

            return healthy ? ExitCode.Done : ExitCode.Failed;
        });
        return command;
    }

    private static string Mark(FindingState state) => state switch
    {
        FindingState.Good => "ok  ",
        FindingState.Warning => "warn",
        _ => "BAD ",
    };
}
