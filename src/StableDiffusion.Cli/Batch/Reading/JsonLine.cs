using System.Text.Json;

namespace StableDiffusion.Cli;

/// <summary>A line of a JSONL batch file: an object whose members are options. A line of <c>--json</c> or of a manifest is one too.</summary>
internal static class JsonLine
{
    private static readonly JsonDocumentOptions _strict = new() { AllowDuplicateProperties = false };

    /// <summary>The fields of one line.</summary>
    /// <exception cref="RequestException">The line is no such object.</exception>
    public static Dictionary<string, IReadOnlyList<string>> Parse(string line, LineOptions options)
    {
        try
        {
            using var document = JsonDocument.Parse(line, _strict);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new RequestException("it is no JSON object, such as {\"prompt\": \"a red apple\", \"seed\": 5}.");
            }

            var fields = new Dictionary<string, IReadOnlyList<string>>();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (member.Value.ValueKind == JsonValueKind.Null || ResultJson.IsResult(member.Name))
                {
                    continue;
                }

                var field = options.NameOf(member.Name);
                if (!fields.TryAdd(field, Values(field, member.Name, member.Value)))
                {
                    throw new RequestException($"{field} is given twice.");
                }
            }

            return fields;
        }
        catch (JsonException error)
        {
            throw new RequestException($"it is not valid JSON ({OneLine.Of(error.Message.Split(" LineNumber")[0])})", error);
        }
    }

    private static IReadOnlyList<string> Values(string field, string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => [.. value.EnumerateArray().Select(entry => Scalar(name, entry))],
        JsonValueKind.Object when field == LineOptions.SchedulerConfig =>
            [.. value.EnumerateObject().Select(entry => $"{entry.Name}={(entry.Value.ValueKind == JsonValueKind.String ? entry.Value.GetString() : entry.Value.GetRawText())}")],
        _ => [Scalar(name, value)],
    };

    private static string Scalar(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number => value.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => throw new RequestException($"{OneLine.Quote(name)} must be a text or a number."),
    };
}
