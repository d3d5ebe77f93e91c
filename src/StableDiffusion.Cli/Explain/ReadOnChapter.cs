using System.Text.Json.Nodes;

namespace StableDiffusion.Cli;

/// <summary>Papers, the files that do each step, and the command that made the page.</summary>
internal static class ReadOnChapter
{
    private static readonly (string Part, string Paper, string Address, string File)[] _sources =
    [
        ("Latents and autoencoder", "Rombach et al. (2022), High-Resolution Image Synthesis with Latent Diffusion Models, section 3", "arXiv 2112.10752", "src/StableDiffusion/Latents/VaeCodec.cs"),
        ("Text encoder", "Radford et al. (2021), CLIP, section 2.4", "arXiv 2103.00020", "src/StableDiffusion/Conditioning/TextEncoder.cs"),
        ("Forward diffusion", "Ho et al. (2020), Denoising Diffusion Probabilistic Models, equation 4", "arXiv 2006.11239", "src/StableDiffusion/Exploring/ForwardDiffusion.cs"),
        ("Training loss", "Ho et al. (2020), equation 14", "arXiv 2006.11239", "models/emoji-256/training/train_diffusion.py"),
        ("Fewer steps", "Song et al. (2020), DDIM, equation 12", "arXiv 2010.02502", "src/StableDiffusion/Denoising/Schedulers/DdimScheduler.cs"),
        ("Cross-attention maps", "Tang et al. (2022), What the DAAM, equation 2", "arXiv 2210.04885", "src/StableDiffusion/Exploring/HeatMaps.cs"),
        ("Guidance", "Ho and Salimans (2022), Classifier-Free Diffusion Guidance, equation 6", "arXiv 2207.12598", "src/StableDiffusion/Denoising/Guidance.cs"),
        ("Picture to picture", "Meng et al. (2021), SDEdit, section 3", "arXiv 2108.01073", "src/StableDiffusion/Denoising/StartLatents.cs"),
        ("Transformers", "Peebles and Xie (2022), Scalable Diffusion Models with Transformers, section 3", "arXiv 2212.09748", "src/StableDiffusion/Models/Families/ModelFamily.cs"),
        ("Straight paths", "Esser et al. (2024), Scaling Rectified Flow Transformers, section 2", "arXiv 2403.03206", "src/StableDiffusion/Denoising/Schedulers/FlowScheduler.cs"),
    ];

    /// <summary>The files that the page names, for a test that they exist.</summary>
    public static IEnumerable<string> Files => _sources.Select(source => source.File);

    public static Chapter Write(string command) => new(
        "read-on",
        "Read on",
        Html.Table("Where each step comes from", ["step", "paper", "where", "file of this program"], _sources.Select(source => (IReadOnlyList<string>)[Html.Text(source.Part), Html.Text(source.Paper), source.Address, $"<code>{source.File}</code>"]))
            + Html.Paragraph($"This page was made by <code>{Html.Text(command)}</code>."),
        new JsonObject { ["command"] = command });
}
