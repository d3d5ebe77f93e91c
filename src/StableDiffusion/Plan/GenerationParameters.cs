using System.Globalization;
using System.Text;

namespace StableDiffusion;

/// <summary>
/// How a picture was made, in the text that AUTOMATIC1111's webui keeps in a PNG under <see cref="Keyword"/> and that most other programs read:
/// the prompt, a line "Negative prompt: …" unless that is empty, and a last line "Steps: 20, Sampler: Euler a, …".
/// </summary>
/// <remarks>
/// The form has no escape in its prompts: one with a line that begins "Negative prompt:", white space aside, is split there when it is read, and
/// further lines that begin so lose these words, as in the webui.
/// </remarks>
public sealed record GenerationParameters
{
    /// <summary>The PNG text keyword.</summary>
    public const string Keyword = "parameters";

    private const string NegativePrefix = "Negative prompt:";

    /// <summary>What the picture shows.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>What it is led away from.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>Denoising steps.</summary>
    public int? Steps { get; init; }

    /// <summary>The sampler by the webui's name: "Euler a".</summary>
    public string? Sampler { get; init; }

    /// <summary>The noise schedule by the webui's name: "Karras". Absent means automatic.</summary>
    public string? ScheduleType { get; init; }

    /// <summary>The guidance scale.</summary>
    public double? CfgScale { get; init; }

    /// <summary>The seed; negative ones are written as the unsigned number of the same bits.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Width in pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Height in pixels.</summary>
    public int? Height { get; init; }

    /// <summary>The first digits of the SHA-256 of the model's file.</summary>
    public string? ModelHash { get; init; }

    /// <summary>The model's name.</summary>
    public string? Model { get; init; }

    /// <summary>How much of an initial picture is painted over, 0 to 1.</summary>
    public double? DenoisingStrength { get; init; }

    /// <summary>1 = the text encoder's last layer, 2 = the one before. Written above 1 only; absent means 1.</summary>
    public int? ClipSkip { get; init; }

    /// <summary>Where the noise came from: "CPU" or "NV". Absent means the webui's GPU.</summary>
    public string? Rng { get; init; }

    /// <summary>Further fields in their order, as "Eta". A name has two or more letters, digits, spaces, '_', '-' or '/' and begins with no space.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Extra { get; init; } = [];

    /// <summary>The program that made the picture.</summary>
    public string? Version { get; init; }

    /// <summary>The text as the webui writes it. White space around the whole is dropped, as there.</summary>
    public string ToInfotext()
    {
        var text = new StringBuilder(Prompt);
        if (NegativePrompt.Length > 0)
        {
            text.Append('\n').Append(NegativePrefix).Append(' ').Append(NegativePrompt);
        }

        return text.Append('\n').AppendJoin(", ", Fields().Select(InfotextField.Format)).ToString().Trim();
    }

    /// <summary>
    /// Reads a text written here or by another program. Fields that are missing stay null; a field whose value is not what its name promises,
    /// or whose name is not known, goes to <see cref="Extra"/>.
    /// </summary>
    /// <returns>False if the last line has fewer than three fields, by which the webui tells that there are none.</returns>
    public static bool TryParse(string text, out GenerationParameters parameters)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.Trim();
        var lastLine = text.LastIndexOf('\n') + 1;
        var fields = InfotextField.ParseLine(text[lastLine..]);
        parameters = new GenerationParameters();
        if (fields.Count < 3)
        {
            return false;
        }

        var (prompt, negativePrompt) = SplitPrompts(text[..Math.Max(0, lastLine - 1)]);
        parameters = new GenerationParameters { Prompt = prompt, NegativePrompt = negativePrompt };
        var extra = new List<KeyValuePair<string, string>>();
        foreach (var field in fields)
        {
            if (parameters.With(field) is { } extended)
            {
                parameters = extended;
            }
            else
            {
                extra.Add(field);
            }
        }

        parameters = parameters with { Extra = extra };
        return true;
    }

    // The webui's order.
    private IEnumerable<KeyValuePair<string, string>> Fields()
    {
        (string Key, string? Value)[] known =
        [
            ("Steps", Number(Steps)),
            ("Sampler", Sampler),
            ("Schedule type", ScheduleType),
            ("CFG scale", Number(CfgScale)),
            ("Seed", Number(Seed)),
            ("Size", Width is { } width && Height is { } height ? $"{width}x{height}" : null),
            ("Model hash", ModelHash),
            ("Model", Model),
            ("Denoising strength", Number(DenoisingStrength)),
            ("Clip skip", ClipSkip > 1 ? Number(ClipSkip) : null),
            ("RNG", Rng),
        ];
        return known
            .Where(static field => !string.IsNullOrEmpty(field.Value))
            .Select(static field => KeyValuePair.Create(field.Key, field.Value!))
            .Concat(Extra)
            .Concat(string.IsNullOrEmpty(Version) ? [] : [KeyValuePair.Create("Version", Version)]);
    }

    // The first of two fields of one name counts: some programs append further text to the line in which the names occur again.
    private GenerationParameters? With(KeyValuePair<string, string> field) => (field.Key, field.Value) switch
    {
        ("Steps", var value) when Steps is null && TryNumber<int>(value, out var steps) => this with { Steps = steps },
        ("Sampler", var value) when Sampler is null => this with { Sampler = value },
        ("Schedule type", var value) when ScheduleType is null => this with { ScheduleType = value },
        ("CFG scale", var value) when CfgScale is null && TryNumber<double>(value, out var scale) => this with { CfgScale = scale },
        ("Seed", var value) when Seed is null && TryNumber<ulong>(value, out var seed) => this with { Seed = seed },
        ("Size", var value) when Width is null && TrySize(value, out var size) => this with { Width = size.Width, Height = size.Height },
        ("Model hash", var value) when ModelHash is null => this with { ModelHash = value },
        ("Model", var value) when Model is null => this with { Model = value },
        ("Denoising strength", var value) when DenoisingStrength is null && TryNumber<double>(value, out var strength)
            => this with { DenoisingStrength = strength },
        ("Clip skip", var value) when ClipSkip is null && TryNumber<int>(value, out var skip) => this with { ClipSkip = skip },
        ("RNG", var value) when Rng is null => this with { Rng = value },
        ("Version", var value) when Version is null => this with { Version = value },
        _ => null,
    };

    private static (string Prompt, string NegativePrompt) SplitPrompts(string text)
    {
        StringBuilder prompt = new(), negative = new();
        var current = prompt;
        foreach (var line in text.Split('\n'))
        {
            var content = line.AsSpan();
            if (line.AsSpan().TrimStart().StartsWith(NegativePrefix, StringComparison.Ordinal))
            {
                current = negative;
                content = line.AsSpan().TrimStart()[NegativePrefix.Length..];
                content = content is [' ', ..] ? content[1..] : content;
            }

            current.Append(current.Length > 0 ? "\n" : "").Append(content);
        }

        return (prompt.ToString(), negative.ToString());
    }

    private static string? Number<T>(T? value)
        where T : struct, IFormattable => value?.ToString(null, CultureInfo.InvariantCulture);

    private static bool TryNumber<T>(string text, out T value)
        where T : struct, ISpanParsable<T> => T.TryParse(text.Trim(), CultureInfo.InvariantCulture, out value);

    private static bool TrySize(string text, out (int Width, int Height) size)
    {
        size = default;
        var x = text.IndexOf('x', StringComparison.Ordinal);
        return x > 0 && TryNumber(text[..x], out size.Width) && TryNumber(text[(x + 1)..], out size.Height);
    }
}
