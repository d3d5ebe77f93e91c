using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>A line of a JSONL batch file: an object whose members are options. A line of <c>--json</c> or of a manifest is one too.</summary>
internal static class JsonLine
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>The fields of one line.</summary>
    /// <exception cref="RequestException">The line is no such object.</exception>
    public static LineFields Parse(string line, FieldTable table, Action<string> note)
    {
        try
        {
            using var document = JsonDocument.Parse(line, _strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? Fields(document.RootElement, table, note)
                : throw new RequestException("it is no JSON object, such as {\"prompt\": \"a red apple\", \"seed\": 5}.");
        }
        catch (JsonException error)
        {
            throw new RequestException($"it is not valid JSON ({OneLine.Reason(error.Message.Split(" LineNumber")[0])})", error);
        }
        catch (InvalidOperationException error)
        {
            // Names are compared while the line is parsed.
            throw HalfAName(error);
        }
    }

    /// <summary>The fields of one object; a text alone is a prompt.</summary>
    public static LineFields Fields(JsonElement element, FieldTable table, Action<string> note)
    {
        if (element.ValueKind == JsonValueKind.String)
        {
            return new() { [FieldTable.Prompt] = [PromptExpansion.Escape(Text(FieldTable.Prompt, element))] };
        }

        if (element.ValueKind != JsonValueKind.Object)
        {
            throw new RequestException("it is no JSON object, such as {\"prompt\": \"a red apple\", \"seed\": 5}, and no text.");
        }

        string[] members = [.. element.EnumerateObject().Select(NameOf)];
        var (skipped, isRecipe) = (ResultJson.SkippedOf(members), ResultJson.IsRecipe(members));
        var fields = new LineFields();
        foreach (var member in element.EnumerateObject())
        {
            var name = NameOf(member);
            if (member.Value.ValueKind == JsonValueKind.Null || (skipped.Contains(name) && !ResultJson.IsOption(name, member.Value.ValueKind)))
            {
                continue;
            }

            if (isRecipe && name == "model")
            {
                note($"it was painted with the model {OneLine.Quote(Scalar(name, member.Value))}; --model says which one paints it here.");
                continue;
            }

            if (FieldTable.IsForeign(name))
            {
                FieldTable.LeaveOut(name, member.Value.ValueKind is JsonValueKind.Array or JsonValueKind.Object ? "" : Scalar(name, member.Value), note);
                continue;
            }

            var field = table.NameOf(name);
            if (!fields.TryAdd(field, Values(field, name, member.Value)))
            {
                throw new RequestException($"{field} is given twice.");
            }
        }

        if (ResultJson.PictureOf(element, skipped) is { } picture)
        {
            fields[FieldTable.Picture] = [picture];
        }

        return fields;
    }

    private static IReadOnlyList<string> Values(string field, string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => [.. value.EnumerateArray().Select(entry => Scalar(name, entry))],
        JsonValueKind.Object when field == FieldTable.SchedulerConfig =>
            [.. value.EnumerateObject().Select(entry => $"{NameOf(entry)}={(entry.Value.ValueKind == JsonValueKind.String ? Text(name, entry.Value) : entry.Value.GetRawText())}")],
        _ => [Scalar(name, value)],
    };

    private static string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException error)
        {
            throw HalfAName(error);
        }
    }

    private static RequestException HalfAName(InvalidOperationException error) =>
        new("a name in it holds half of a character (a lone surrogate); write it anew.", error);

    /// <summary>A text, which must be whole: other programs cut emoji in the middle.</summary>
    private static string Text(string name, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new RequestException($"{OneLine.Quote(name)} holds half of a character (a lone surrogate, such as \\ud83d without its second half); write the text anew.", error);
        }
    }

    private static string Scalar(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Text(name, value),
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => throw new RequestException($"{OneLine.Quote(name)} must be a text or a number."),
    };
}
