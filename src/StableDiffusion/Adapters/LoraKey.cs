using System.Text.RegularExpressions;

namespace StableDiffusion;

/// <summary>The name of a tensor in a LoRA file, taken apart: which network, which of its modules, and which part of the low-rank product.</summary>
/// <param name="Module">The module that it changes.</param>
/// <param name="Part">What the tensor is.</param>
internal sealed partial record LoraKey(LoraModule Module, LoraPart Part)
{
    /// <summary>Reads the namings of kohya's sd-scripts, of PEFT and diffusers, and of diffusers before PEFT.</summary>
    /// <returns>Null for a name that is of none of them.</returns>
    public static LoraKey? Parse(string name)
    {
        if (Kohya().Match(name) is { Success: true } kohya)
        {
            var part = PartOf(kohya.Groups["part"].Value);
            return part is { } known ? new LoraKey(new(NetworkOf(kohya.Groups["net"].Value), kohya.Groups["module"].Value), known) : null;
        }

        if (Dotted().Match(name) is { Success: true } dotted && PartOf(dotted.Groups["part"].Value) is { } dottedPart)
        {
            return new LoraKey(new(NetworkOf(dotted.Groups["net"].Value), Flat(dotted.Groups["module"].Value)), dottedPart);
        }

        return BeforePeft().Match(name) is { Success: true } old && PartOf(old.Groups["part"].Value) is { } oldPart
            ? new LoraKey(new(NetworkOf(old.Groups["net"].Value), Flat(old.Groups["module"].Value)), oldPart)
            : null;
    }

    private static string? NetworkOf(string prefix) => prefix switch
    {
        "unet" or "transformer" => LoraModule.Denoiser,
        "te" or "te1" or "text_encoder" => "text_encoder",
        "te2" or "text_encoder_2" => "text_encoder_2",
        "te3" or "text_encoder_3" => "text_encoder_3",
        _ => null,
    };

    private static LoraPart? PartOf(string part) => part switch
    {
        "lora_down" or "lora_A" or "lora_A.default" or "lora.down" or "lora_linear_layer.down" or "down" => LoraPart.Down,
        "lora_up" or "lora_B" or "lora_B.default" or "lora.up" or "lora_linear_layer.up" or "up" => LoraPart.Up,
        "alpha" => LoraPart.Alpha,
        _ when part.EndsWith(".bias", StringComparison.Ordinal) => LoraPart.OtherKind,
        _ when part.StartsWith("lora_A.", StringComparison.Ordinal) => LoraPart.Down,
        _ when part.StartsWith("lora_B.", StringComparison.Ordinal) => LoraPart.Up,
        _ when OtherKinds().IsMatch(part) => LoraPart.OtherKind,
        _ => null,
    };

    /// <summary>diffusers before PEFT hung its layers on attention processors and called the output projection to_out.</summary>
    private static string Flat(string path)
    {
        var module = path.Replace(".processor", "", StringComparison.Ordinal);
        return (module.EndsWith(".to_out", StringComparison.Ordinal) ? module + ".0" : module).Replace('.', '_');
    }

    private const string Parts =
        @"(?<part>lora_(?:down|up|mid)|lora_[AB](?:\.[A-Za-z]\w*?)?|lora\.(?:down|up)|lora_linear_layer\.(?:down|up)|alpha|dora_scale|lora_magnitude_vector|hada_\w+|lokr_\w+|diff(?:_b)?|oft_\w+)(?:\.weight)?";

    [GeneratedRegex(@"^lora_(?<net>unet|transformer|te1|te2|te3|te)_(?<module>[^.]+)\." + Parts + @"\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Kohya();

    [GeneratedRegex(@"^(?:base_model\.model\.)?(?:(?<net>unet|transformer|text_encoder_2|text_encoder_3|text_encoder)\.|diffusion_model\.)?(?:base_model\.model\.)?(?<module>[^.]+(?:\..+?)?)\." + Parts + @"\z", RegexOptions.ExplicitCapture)]
    private static partial Regex Dotted();

    [GeneratedRegex(@"^(?:(?<net>unet|transformer|text_encoder_2|text_encoder)\.)?(?<module>.+?)_lora\.(?<part>down|up)\.weight\z", RegexOptions.ExplicitCapture)]
    private static partial Regex BeforePeft();

    [GeneratedRegex("^(?:lora_mid|dora_scale|lora_magnitude_vector|hada_|lokr_|oft_)")]
    private static partial Regex OtherKinds();
}

/// <summary>A module as a LoRA file names it.</summary>
/// <param name="Network">The folder of the network, or <see cref="Denoiser"/>; null where the file does not say.</param>
/// <param name="Path">The module's path with underscores for dots, which is how kohya's files write it.</param>
internal sealed record LoraModule(string? Network, string Path)
{
    /// <summary>The UNet or the transformer: files of the same kind call either so.</summary>
    public const string Denoiser = "denoiser";
}

/// <summary>What a tensor is in W + alpha / rank · up · down.</summary>
internal enum LoraPart
{
    /// <summary>[rank, in] or [rank, in, height, width].</summary>
    Down,

    /// <summary>[out, rank] or [out, rank, 1, 1].</summary>
    Up,

    /// <summary>A single number.</summary>
    Alpha,

    /// <summary>A part of LoHa, LoKr, DoRA, OFT or a Tucker decomposition, or a bias, which change weights in other ways.</summary>
    OtherKind,
}
