namespace StableDiffusion;

/// <summary>What only some families can do, and how a request for it is refused by the others, in one line each.</summary>
internal static class RequestLimits
{
    private static readonly (string Property, Func<ImageRequest, bool> IsAsked, string For)[] _limits =
    [
        (nameof(ImageRequest.Prompt), request => request.Prompt.Length > 0, "models that read texts"),
        (nameof(ImageRequest.NegativePrompt), request => request.NegativePrompt is not null, "models with texts and guidance"),
        (nameof(ImageRequest.GuidanceScale), request => request.GuidanceScale > 1, "models with texts or classes"),
        (nameof(ImageRequest.Prompt2), request => request.Prompt2 is not null, "models with two or three text encoders (SDXL, SD 3, Flux)"),
        (nameof(ImageRequest.NegativePrompt2), request => request.NegativePrompt2 is not null, "models with two or three text encoders (SDXL, SD 3, Flux)"),
        (nameof(ImageRequest.Prompt3), request => request.Prompt3 is not null, "models with three text encoders (SD 3 with T5)"),
        (nameof(ImageRequest.NegativePrompt3), request => request.NegativePrompt3 is not null, "models with three text encoders (SD 3 with T5)"),
        (nameof(ImageRequest.MaxSequenceLength), request => request.MaxSequenceLength is not null, "models with a T5 text encoder (SD 3, Flux)"),
        (nameof(ImageRequest.DistilledGuidance), request => request.DistilledGuidance is not null, "models with distilled guidance (Flux dev)"),
        (nameof(ImageRequest.ClipSkip), request => request.ClipSkip != 1, "models whose CLIP gives its states token by token (SD 1 to 3, SDXL)"),
        (nameof(ImageRequest.Mask), request => request.Mask is not null, "Stable Diffusion and Flux"),
        (nameof(ImageRequest.InitImage), request => request.InitImage is not null, "models with an encoder for pictures"),
        (nameof(ImageRequest.OriginalSize), request => request.OriginalSize is not null, "SDXL"),
        (nameof(ImageRequest.TargetSize), request => request.TargetSize is not null, "SDXL"),
        (nameof(ImageRequest.Crop), request => request.Crop != (0, 0), "SDXL"),
        (nameof(ImageRequest.DeepCache), request => request.DeepCache is not null, "models with a U-Net (Stable Diffusion 1, 2 and XL)"),
        (nameof(ImageRequest.Loras), request => request.Loras.Count > 0, "Stable Diffusion and Flux"),
        (nameof(ImageRequest.Controls), request => request.Controls.Count > 0, "Stable Diffusion 1, 2 and XL"),
        (nameof(ImageRequest.Embeddings), request => request.Embeddings.Count > 0, "Stable Diffusion 1, 2 and XL"),
        (nameof(ImageRequest.EmbeddingFolder), request => request.EmbeddingFolder is not null, "Stable Diffusion 1, 2 and XL"),
        (nameof(ImageRequest.Seamless), request => request.Seamless, "Stable Diffusion 1, 2 and XL"),
    ];

    /// <summary>Refuses the first thing asked for that is not among what the family can do.</summary>
    /// <param name="request">The request.</param>
    /// <param name="folder">The model, for the message.</param>
    /// <param name="can">The properties of the request that mean something to the family.</param>
    /// <exception cref="RequestException">The message says for which models it is.</exception>
    public static void Refuse(ImageRequest request, ModelFolder folder, IReadOnlyCollection<string> can)
    {
        foreach (var (property, isAsked, others) in _limits)
        {
            if (!can.Contains(property) && isAsked(request))
            {
                throw new RequestException(property, $"{property:name} is for {others}; {folder.Name} is {folder.Family.Name}.");
            }
        }
    }

    /// <summary>Tokens that T5 is given.</summary>
    /// <param name="request">What is asked for.</param>
    /// <param name="usual">Where it says nothing.</param>
    /// <param name="most">How many it may say.</param>
    /// <param name="exported">What the model's graphs insist on; null where any number will do.</param>
    /// <exception cref="RequestException">Out of range, or other than the model was exported for.</exception>
    public static int TextLength(ImageRequest request, int usual, int most, int? exported)
    {
        var length = request.MaxSequenceLength ?? exported ?? usual;
        if (exported is { } only && length != only)
        {
            throw new RequestException(nameof(request.MaxSequenceLength), $"{nameof(request.MaxSequenceLength):name} {length} is not the {only} that the model was exported for; leave it out.");
        }

        return length >= 1 && (length <= most || length == exported)
            ? length
            : throw new RequestException(nameof(request.MaxSequenceLength), $"{nameof(request.MaxSequenceLength):name} {length} must be from 1 to {most}.");
    }
}
