using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>list</c>: the models in the hub's cache.</summary>
internal static class ListCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON array." };
        var all = new Option<bool>("--all", "-a") { Description = "Also those without ONNX networks, which this program cannot open." };
        var command = new Command("list", "Lists the models in the hub's cache: name, family, precision, size, last use. Example:\n  sd list --json") { all, json };
        command.SetAction(parsed =>
        {
            var cache = new HubCache(HubSettings.Read().CacheFolder);
            var models = CachedModel.In(cache).Where(model => model.IsOnnx || parsed.GetValue(all)).ToList();
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(ResultJson.ToText(new JsonArray([.. models.Select(ToJson)])));
                return ExitCode.Done;
            }

            var width = models.Select(model => NameOf(model).Length).DefaultIfEmpty().Max();
            foreach (var model in models)
            {
                Console.Out.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{NameOf(model).PadRight(width)}  {model.Family ?? "-",-34}  {model.Precision ?? "-",-8}  {ByteSize.Of(model.Bytes),8}  {model.LastUsed:yyyy-MM-dd}"));
            }

            if (models.Count == 0)
            {
                Console.Error.WriteLine($"no models in {cache.Folder}; 'sd pull OWNER/NAME' fetches one.");
            }

            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>As <c>-m</c> takes it.</summary>
    private static string NameOf(CachedModel model) => model.Name.ToString();

    private static JsonNode ToJson(CachedModel model) => new JsonObject
    {
        ["name"] = NameOf(model),
        ["commit"] = model.Commit,
        ["path"] = model.Folder,
        ["family"] = model.Family,
        ["onnx"] = model.IsOnnx,
        ["precision"] = model.Precision,
        ["bytes"] = model.Bytes,
        ["last_used"] = model.LastUsed.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
    };
}
