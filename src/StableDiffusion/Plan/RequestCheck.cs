using System.Numerics.Tensors;

namespace StableDiffusion;

/// <summary>Refuses, before anything runs, what makes no sense for any model; what a model's family cannot do is refused by the family.</summary>
internal static class RequestCheck
{
    /// <exception cref="RequestException">A count below 1.</exception>
    public static int Positive(string parameter, int value) =>
        value > 0 ? value : throw new RequestException(parameter, $"{parameter:name} {value} must be at least 1.");

    /// <exception cref="RequestException">A number below 0, infinite, or none at all.</exception>
    public static double Finite(string parameter, double value) =>
        double.IsFinite(value) && value >= 0
            ? value
            : throw new RequestException(parameter, $"{parameter:name} {value} must be a number of at least 0.");

    /// <exception cref="RequestException">Not from 0 to 1.</exception>
    public static double Share(string parameter, double value) =>
        value is >= 0 and <= 1 ? value : throw new RequestException(parameter, $"{parameter:name} {value} must be from 0 to 1.");

    /// <summary>The strength that a run has: 1 without a picture to start from.</summary>
    public static double Strength(ImageRequest request, ModelFolder folder)
    {
        if (request.InitImage is null && !request.IsSecondPass)
        {
            return 1;
        }

        var strength = Share(nameof(request.Strength), folder.Defaults.StrengthOf(request));
        return strength > 0
            ? strength
            : throw new RequestException(
                nameof(request.Strength), $"{nameof(request.Strength):name} 0 leaves the picture as it is; give more than 0, up to 1.");
    }

    /// <summary>Refuses what contradicts itself.</summary>
    public static void WhatBelongsTogether(ImageRequest request, ModelFolder folder)
    {
        if (request.Seeds.Count == 0)
        {
            throw new RequestException(nameof(request.Seeds), $"no seed is given; one picture is painted for each.");
        }

        if (request.Latents is { } latents)
        {
            GivenLatents(latents, request, folder);
        }

        if (request.InitImage is null && request.Strength is not null && !request.IsSecondPass)
        {
            throw new RequestException(
                nameof(request.Strength),
                $"{nameof(request.Strength):name} says how far to go from a picture; give one with {nameof(request.InitImage):name}.");
        }

        if (request.InitImage is null && request.Mask is not null)
        {
            throw new RequestException(
                nameof(request.Mask), $"{nameof(request.Mask):name} says what to repaint of a picture; give one with {nameof(request.InitImage):name}.");
        }

        if (request is { Scheduler: not null, SchedulerFactory: not null })
        {
            throw new RequestException(
                nameof(request.SchedulerFactory),
                $"{nameof(request.SchedulerFactory):name} and {nameof(request.Scheduler):name} both say how to sample; give one of them.");
        }

        folder.Family.Check(request, folder);
        Control.Require(request);
        VaeTiling.Require(request, folder);
        DeepCache.Require(request);
        Enlarger.Require(request, folder);
        Share(nameof(request.VariationStrength), request.VariationStrength);
        if (request.VariationSeed is null && request.VariationStrength > 0)
        {
            throw new RequestException(
                nameof(request.VariationStrength), $"{nameof(request.VariationStrength):name} says how far to go to {nameof(request.VariationSeed):name}; give it.");
        }

        if (request.VariationSeed is not null && (request.Latents is not null || request.NoiseFactory is not null))
        {
            throw new RequestException(
                nameof(request.VariationStrength), $"{nameof(request.VariationStrength):name} varies drawn noise, and the noise is given; leave one of them out.");
        }

        if (request.GuidanceStart >= request.GuidanceEnd)
        {
            throw new RequestException(
                nameof(request.GuidanceStart), $"{nameof(request.GuidanceStart):name} must be less than {nameof(request.GuidanceEnd):name}.");
        }
    }

    private static void GivenLatents(Latents latents, ImageRequest request, ModelFolder folder)
    {
        if (latents.Channels != folder.LatentChannels)
        {
            throw new RequestException(
                nameof(request.Latents), $"the given latents have {latents.Channels} channels; {folder.Name} has {folder.LatentChannels}.");
        }

        if (latents.Count == 0)
        {
            throw new RequestException(nameof(request.Latents), $"the given latents hold no picture; give at least one.");
        }

        if (!TensorPrimitives.IsFiniteAll<float>(latents.Values))
        {
            throw new RequestException(
                nameof(request.Latents), $"the given latents hold numbers that are not finite (NaN or infinite); save them again.");
        }

        if (request.ImagesPerSeed != 1 && request.ImagesPerSeed != latents.Count)
        {
            throw new RequestException(
                nameof(request.ImagesPerSeed),
                $"{nameof(request.ImagesPerSeed):name} {request.ImagesPerSeed} does not agree with the {latents.Count} given latents; leave {nameof(request.ImagesPerSeed):name} out.");
        }

        if (request.InitImage is not null)
        {
            throw new RequestException(
                nameof(request.Latents),
                $"{nameof(request.Latents):name} and {nameof(request.InitImage):name} both say what to start from; give one of them.");
        }
    }
}
