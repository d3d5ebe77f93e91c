using System.CommandLine;
using System.Globalization;

namespace StableDiffusion.Cli;

/// <summary>The options that guide the composition with further pictures.</summary>
internal sealed class ControlOptions
{
    private const string CannyName = "canny";

    public Option<string[]> Controls { get; } = new("--control", "--control-net")
    {
        Description = "A ControlNet (a folder with model.onnx, or one in the model's folder), its strength, and from where to where in the run it guides. May be given several times.",
        HelpName = "folder[:strength[:start-end]]",
        DefaultValueFactory = _ => [],
    };

    private Option<string[]> Images { get; } = new("--control-image")
    {
        Description = "What the ControlNet is shown; one for each, or one for all.",
        HelpName = "file.png",
        DefaultValueFactory = _ => [],
    };

    private Option<string[]> Preprocessors { get; } = new("--control-preprocessor")
    {
        Description = "What is made of the picture first: canny finds its edges. One for each, or one for all. [default: none]",
        HelpName = "none|canny[:low,high]",
        DefaultValueFactory = _ => [],
    };

    public Option<bool> GuessMode { get; } = new("--guess-mode") { Description = "The ControlNet sees the prompt alone, and may guess what the picture shows." };

    public IReadOnlyList<Setting> Table =>
    [
        new(Controls, nameof(ImageRequest.Controls), (request, given) => request with { Controls = Prepare(given) }),
        new(Images),
        new(Preprocessors),
        Setting.Of(GuessMode, nameof(ImageRequest.GuessMode), (request, value) => request with { GuessMode = value }),
    ];

    private IReadOnlyList<Control> Prepare(IGivenOptions given)
    {
        var controls = given.GetValue(Controls)!;
        var images = ForEach(Images, given, controls.Length);
        var preprocessors = ForEach(Preprocessors, given, controls.Length);
        if (controls.Length > 0 && images is null)
        {
            throw new RequestException($"{Controls.Name} needs a picture to guide by; give one with {Images.Name}.");
        }

        if (controls.Length == 0 && given.GetValue(GuessMode))
        {
            throw new RequestException($"{GuessMode.Name} is for ControlNets; give one with {Controls.Name}.");
        }

        return [.. controls.Select((text, i) => Prepare(Parse(text), images![i], preprocessors?[i] ?? "none"))];
    }

    private string[]? ForEach(Option<string[]> option, IGivenOptions given, int controls)
    {
        var values = given.GetValue(option)!;
        return values.Length == 0 ? null
            : values.Length == controls ? values
            : values.Length == 1 && controls > 0 ? [.. Enumerable.Repeat(values[0], controls)]
            : throw new RequestException($"{option.Name} is given {values.Length} times and {Controls.Name} {controls} times; give one for each.");
    }

    /// <summary>FOLDER, FOLDER:0.8 or FOLDER:0.8:0-0.5; a colon before anything else is part of the folder's name.</summary>
    private (string Model, double Strength, double Start, double End) Parse(string text)
    {
        var parts = text.Split(':');
        if (parts.Length > 2 && parts[^1].Split('-') is [var from, var to] && Number(parts[^2]) is { } strength && Number(from) is { } start && Number(to) is { } end)
        {
            return (string.Join(':', parts[..^2]), strength, start, end);
        }

        if (parts.Length > 1 && Number(parts[^1]) is { } alone)
        {
            return (string.Join(':', parts[..^1]), alone, 0, 1);
        }

        return parts.Length == 1 || Path.Exists(text) || parts[0].Length == 1
            ? (text, 1, 0, 1)
            : throw new RequestException($"{Controls.Name} {OneLine.Quote(text)} must be folder, folder:strength or folder:strength:start-end, such as canny:0.8:0-0.5.");
    }

    private static double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : null;

    private Control Prepare((string Model, double Strength, double Start, double End) control, string image, string preprocessor)
    {
        var picture = PictureReader.Read(image);
        var parts = preprocessor.Split(':', 2);
        var (low, high) = (Canny.DefaultLow, Canny.DefaultHigh);
        if (parts[0].Equals(CannyName, StringComparison.OrdinalIgnoreCase))
        {
            if (parts.Length == 2)
            {
                (low, high) = parts[1].Split(',') is [var first, var second] && Number(first) is { } a && Number(second) is { } b
                    ? (a, b)
                    : throw new RequestException($"{Preprocessors.Name} {OneLine.Quote(preprocessor)}: the thresholds must be two numbers, such as canny:100,200.");
            }

            picture = Canny.Edges(picture, low, high);
        }
        else if (preprocessor != "none")
        {
            throw new RequestException($"{Preprocessors.Name} {OneLine.Quote(preprocessor)} is not known; give none or canny.");
        }

        return new Control(control.Model, picture)
        {
            Strength = control.Strength,
            Start = control.Start,
            End = control.End,
            Preprocessor = preprocessor == "none" ? null : CannyName,
        };
    }
}
