using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>What <c>--model</c> means: a folder, a model in the hub's cache, or a short name from the user's configuration.</summary>
internal static class ModelLocation
{
    /// <summary>The variable that names the model where no option does.</summary>
    public const string Variable = "SD_MODEL";

    /// <summary>The file of short names, an object from name to folder or repository.</summary>
    public const string FileOfNames = "models.json";

    /// <summary>The folder that a text stands for. One that cannot be found is given back as it is where it looks like a path.</summary>
    /// <exception cref="ModelException">It is the name of a repository that is not in the cache; the message says how to fetch it.</exception>
    public static string Resolve(string text)
    {
        if (Path.Exists(text))
        {
            return text;
        }

        if (ShortNames().TryGetValue(text, out var meant) && meant != text)
        {
            return Path.Exists(meant) ? meant : HubName.TryParse(meant) is { } repository ? InCache(repository, meant) : throw new ModelException(
                $"{OneLine.Quote(text)} stands for {OneLine.Quote(meant)} in {Configuration.PathOf(FileOfNames)}, and that does not exist.");
        }

        return HubName.TryParse(text) is { } name ? InCache(name, text) : text;
    }

    /// <summary>All short names with what they stand for.</summary>
    public static IReadOnlyDictionary<string, string> ShortNames()
    {
        var path = Configuration.PathOf(FileOfNames);
        if (!File.Exists(path))
        {
            return new Dictionary<string, string>();
        }

        try
        {
            using var document = StrictJson.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            return document.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => Expand(entry.Value.GetString() ?? ""));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new RequestException($"{path} must be a JSON object of names and folders or repositories, such as {{\"sd15\": \"/models/sd15\"}}: {OneLine.Of(error.Message)}", error);
        }
    }

    private static string Expand(string path) =>
        path.StartsWith("~/", StringComparison.Ordinal) ? Path.Combine(UserFolder.Home, path[2..]) : path;

    private static string InCache(HubName name, string text) =>
        new HubCache(HubSettings.Read().CacheFolder).Of(name).FindSnapshot(name) ?? throw new ModelException(
            $"there is no folder {OneLine.Quote(text)}, and {name} is not in the cache. 'sd pull {name}' fetches it; see models/README.md for other ways.");
}
