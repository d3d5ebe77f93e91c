using System.Globalization;

namespace StableDiffusion;

/// <summary>
/// A picture that guides the composition through a control network: Zhang et al. (2023), "Adding Conditional Control to Text-to-Image
/// Diffusion Models", arXiv 2302.05543.
/// </summary>
/// <param name="Model">The folder of the control network (model.onnx), or its file; relative to the model's folder where it is not found otherwise.</param>
/// <param name="Image">What it is shown: edges, depth, a pose, whatever it was trained on. Brought to the picture's size, stretched, with Lanczos.</param>
public sealed record Control(string Model, RgbImage Image)
{
    /// <summary>How strongly it guides: 1 as trained, 0 not at all.</summary>
    public double Strength { get; init; } = 1;

    /// <summary>Share of the run, 0 to 1, from which on it guides.</summary>
    public double Start { get; init; }

    /// <summary>Share of the run up to which it guides.</summary>
    public double End { get; init; } = 1;

    /// <summary>What made the picture ("canny"), for the text that is kept with the result; null for nothing.</summary>
    public string? Preprocessor { get; init; }

    /// <summary>Whether it guides a call, by diffusers' rule.</summary>
    internal bool IsOnAt(int call, int calls) => (double)call / calls >= Start && (double)(call + 1) / calls <= End;

    /// <summary>The control in the form of the webui's extension (sd-webui-controlnet).</summary>
    internal string Describe(bool guess) => string.Create(
        CultureInfo.InvariantCulture,
        $"Module: {Preprocessor ?? "none"}, Model: {NameOf(Model)}, Weight: {Strength}, Resize Mode: Just Resize, "
        + $"Guidance Start: {Start}, Guidance End: {End}, Control Mode: {(guess ? "ControlNet is more important" : "Balanced")}");

    private static string NameOf(string model)
    {
        var path = System.IO.Path.TrimEndingDirectorySeparator(model);
        return System.IO.Path.GetFileName(System.IO.Path.GetFileName(path) == "model.onnx" && System.IO.Path.GetDirectoryName(path) is { Length: > 0 } folder ? folder : path).Replace(',', ' ');
    }

    /// <summary>Refuses what makes no sense.</summary>
    internal static void Require(ImageRequest request)
    {
        foreach (var control in request.Controls)
        {
            if (!double.IsFinite(control.Strength) || control.Start is not (>= 0 and <= 1) || control.End is not (>= 0 and <= 1) || control.Start >= control.End)
            {
                throw new RequestException(
                    nameof(request.Controls),
                    $"{nameof(request.Controls):name}: the control {OneLine.Quote(control.Model)} must have a finite strength, and guide from a share of the run to a later one, from 0 to 1.");
            }
        }
    }
}
