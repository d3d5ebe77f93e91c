namespace StableDiffusion;

/// <summary>One seed of one plan: <see cref="GenerationPlan.ImageCount"/> pictures from one generator.</summary>
/// <param name="Plan">The request, checked.</param>
/// <param name="Seed">The seed.</param>
/// <param name="SeedIndex">Which seed of the request, from 0.</param>
internal sealed record Painting(GenerationPlan Plan, long Seed, int SeedIndex = 0)
{
    /// <summary>The seed of the noise that is mixed in; null where none is.</summary>
    public long? VariationSeed => Plan.Request.VariationStrength > 0 ? Plan.Request.VariationSeed + SeedIndex : null;

    public INoiseSource Noise { get; } = Plan.Request.NoiseFactory?.Invoke(Seed) ?? ImageNoise.Create(Plan.Request.Generator, Seed);
}

/// <summary>Pictures that are painted in the same calls of the network: several of one painting, or one of each of several.</summary>
/// <param name="Paintings">Whose plans differ in texts, seeds and generators alone.</param>
/// <param name="Told">What the network is told for each of them; all of one shape.</param>
internal sealed record PaintingGroup(IReadOnlyList<Painting> Paintings, IReadOnlyList<GuidedConditioning> Told)
{
    public GenerationPlan Plan => Paintings[0].Plan;

    /// <summary>Pictures.</summary>
    public int Count => Paintings.Count == 1 ? Plan.ImageCount : Paintings.Count;

    /// <summary>The same pictures at the size of the second pass, with generators of their own, told what they are told in the first.</summary>
    public PaintingGroup SecondPass() => this with { Paintings = [.. Paintings.Select(painting => new Painting(painting.Plan.SecondPass!, painting.Seed, painting.SeedIndex))] };

    /// <summary>What the network is told for each picture.</summary>
    public IReadOnlyList<Conditioning> Positive => [.. Enumerable.Range(0, Count).Select(i => Told[PaintingOf(i)].Positive)];

    /// <summary>What each picture is to be led away from; null where guidance is off.</summary>
    public IReadOnlyList<Conditioning>? Negative =>
        Told[0].Negative is null ? null : [.. Enumerable.Range(0, Count).Select(i => Told[PaintingOf(i)].Negative!.LeadingAway())];

    public INoiseSource Noise => Paintings.Count == 1 ? Paintings[0].Noise : new SeparateNoise([.. Paintings.Select(painting => painting.Noise)]);

    /// <summary>The painting that a picture is of, and which of its pictures it is.</summary>
    public (Painting Painting, int IndexInSeed) this[int picture] => (Paintings[PaintingOf(picture)], Paintings.Count == 1 ? picture : 0);

    private int PaintingOf(int picture) => Math.Min(picture, Paintings.Count - 1);
}
