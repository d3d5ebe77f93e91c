namespace StableDiffusion;

/// <summary>Decides whether all networks of a model may be open at once.</summary>
internal static class MemoryBudget
{
    /// <summary>The share of the memory that weights may take; the rest is for what the networks pass on, and for others.</summary>
    private const double Share = 0.7;

    /// <summary>Whether only one network at a time is to be open.</summary>
    /// <param name="asked">What the caller says; null to decide here.</param>
    /// <param name="weights">Bytes of all networks.</param>
    /// <param name="available">Bytes of memory.</param>
    public static bool OneNetworkAtATime(bool? asked, long weights, long available) => asked ?? weights > available * Share;
}
