using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary><c>cache</c>: shows and clears what <c>--graph-cache</c> keeps.</summary>
internal static class CacheCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print one JSON object." };
        var command = new Command("cache", "Lists the networks that --graph-cache keeps: size, last use, the network they were made of. Example:\n  sd cache --json") { json };
        command.SetAction(parsed =>
        {
            var entries = GraphCacheEntry.In(CacheFolder.Graphs);
            if (parsed.GetValue(json))
            {
                Console.Out.WriteLine(ResultJson.ToText(new JsonObject
                {
                    ["folder"] = CacheFolder.Graphs,
                    ["bytes"] = entries.Sum(entry => entry.Bytes),
                    ["networks"] = new JsonArray([.. entries.Select(ToJson)]),
                }));
                return ExitCode.Done;
            }

            foreach (var entry in entries)
            {
                Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{ByteSize.Of(entry.Bytes),8}  {entry.LastUsed:yyyy-MM-dd}  {entry.Source}"));
            }

            Console.Error.WriteLine(entries.Count == 0
                ? $"no networks in {CacheFolder.Graphs}; --graph-cache keeps some."
                : $"{ByteSize.Of(entries.Sum(entry => entry.Bytes))} in {CacheFolder.Graphs}; 'sd cache clear' removes them.");
            return ExitCode.Done;
        });
        command.Add(Clear());
        return command;
    }

    private static Command Clear()
    {
        var command = new Command("clear", "Removes all that --graph-cache keeps. Example:\n  sd cache clear");
        command.SetAction(_ =>
        {
            var folder = CacheFolder.Graphs;
            var bytes = Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length) : 0;
            try
            {
                if (Directory.Exists(folder))
                {
                    Directory.Delete(folder, recursive: true);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new ModelException($"{folder} cannot be removed: {OneLine.Of(error.Message)}", error);
            }

            Console.Out.WriteLine($"{folder}: {ByteSize.Of(bytes)} free");
            return ExitCode.Done;
        });
        return command;
    }

    private static JsonNode ToJson(GraphCacheEntry entry) => new JsonObject
    {
        ["source"] = entry.Source,
        ["path"] = entry.Path,
        ["bytes"] = entry.Bytes,
        ["whole"] = entry.IsWhole,
        ["last_used"] = entry.LastUsed.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
    };
}
