using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>What a picture's file says of how it was made, as the fields of a batch line.</summary>
/// <param name="Program">What wrote it, such as <c>webui</c>.</param>
internal sealed record Recipe(string Program)
{
    /// <summary>The fields: option names with _ between words, and their values.</summary>
    public LineFields Fields { get; } = [];

    /// <summary>What the file says and this program cannot follow, one line each.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Reads the recipe of a picture.</summary>
    /// <exception cref="RequestException">The file cannot be read, or says nothing that is understood.</exception>
    public static Recipe Read(string path)
    {
        var texts = PictureText.Read(path);
        string? Text(string key) => texts.FirstOrDefault(text => text.Key == key).Value;
        if (Text("invokeai_metadata") is { } invoke && InvokeRecipe.Parse(invoke) is { } ofInvoke)
        {
            return ofInvoke;
        }

        if (Text(GenerationParameters.Keyword) is { } infotext && GenerationParameters.TryParse(infotext, out var parameters))
        {
            return WebUiRecipe.Of(parameters);
        }

        if (Text("prompt") is { } graph && ComfyRecipe.Parse(graph) is { } ofComfy)
        {
            return ofComfy;
        }

        var has = texts.Count == 0 ? "it holds no text" : $"it holds {string.Join(", ", texts.Select(text => OneLine.Of(text.Key)).Distinct())}";
        throw new RequestException($"{OneLine.Quote(path)} does not say how it was made in a form that is understood ({has}); those of this program, the webui, ComfyUI and InvokeAI are.");
    }

    /// <summary>Sets a field, unless there is nothing to set.</summary>
    public void Set(string field, string? value)
    {
        if (value is not null)
        {
            Fields[field] = [value];
        }
    }

    /// <summary>The recipe as JSON: a line of a batch file, with what could not be followed.</summary>
    public JsonObject ToJson(FieldTable table)
    {
        var json = table.ToJson(Fields);
        json["program"] = Program;
        json["notes"] = new JsonArray([.. Notes.Select(note => JsonValue.Create(note))]);
        return json;
    }
}
