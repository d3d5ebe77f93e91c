using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>config</c>: the user's own defaults, presets and short names of models, and where they are read from.</summary>
internal static class ConfigCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command(
            "config",
            $$"""
            Shows the defaults, presets and short names of models that you have set. {{UserDefaults.FileName}} holds option names and values, and sets of
            them under "presets" for --preset; {{ModelLocation.FileOfNames}} holds short names for -m. Example of a {{UserDefaults.FileName}}:
              { "steps": 30, "scheduler": "euler_a", "presets": { "draft": { "steps": 8, "width": 256, "height": 256 } } }
            "preset" beside them names the one that is taken without --preset. Options of the command line stand above the picture of --from, that above a
            preset, a preset above the defaults, and SD_MODEL above the model of both. To see what is set:
              sd config
            """)
        {
            json,
        };
        command.SetAction(parsed =>
        {
            var defaults = UserDefaults.Read(Configuration.PathOf(UserDefaults.FileName));
            var names = ModelLocation.ShortNames();
            var model = Environment.GetEnvironmentVariable(ModelLocation.Variable);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(ResultJson.ToText(new JsonObject
                {
                    ["folder"] = Configuration.Folder,
                    [ModelLocation.Variable] = model,
                    ["defaults"] = ToJson(defaults.Defaults),
                    ["presets"] = new JsonObject(defaults.Presets.Select(preset => KeyValuePair.Create(preset.Key, (JsonNode?)ToJson(preset.Value)))),
                    ["models"] = new JsonObject(names.Select(name => KeyValuePair.Create(name.Key, (JsonNode?)name.Value))),
                }));
                return ExitCode.Done;
            }

            Console.Out.WriteLine($"folder   {Configuration.Folder}");
            Console.Out.WriteLine($"SD_MODEL {model ?? "not set"}");
            foreach (var (key, value) in defaults.Defaults)
            {
                Console.Out.WriteLine($"default  {key} = {value.GetRawText()}");
            }

            foreach (var (name, entries) in defaults.Presets)
            {
                Console.Out.WriteLine($"preset   {name}: {string.Join(", ", entries.Select(entry => $"{entry.Key} = {entry.Value.GetRawText()}"))}");
            }

            foreach (var (name, meant) in names)
            {
                Console.Out.WriteLine($"model    {name} = {meant}");
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static JsonObject ToJson(IReadOnlyDictionary<string, JsonElement> entries) =>
        new(entries.Select(entry => KeyValuePair.Create(entry.Key, JsonNode.Parse(entry.Value.GetRawText()))));
}
