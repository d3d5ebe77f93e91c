namespace StableDiffusion;

/// <summary>How many networks of a model are open at once.</summary>
internal enum NetworkUse
{
    /// <summary>Each is closed before the next is opened.</summary>
    OneAtATime,

    /// <summary>Each is opened when it is needed, and stays open.</summary>
    AllInTurn,

    /// <summary>All are opened at the same time, as soon as one is needed.</summary>
    AllAhead,
}

/// <summary>Decides how many networks of a model may be open at once.</summary>
internal static class MemoryBudget
{
    /// <summary>The share of the memory that weights may take; the rest is for what the networks pass on, and for others.</summary>
    private const double Share = 0.7;

    /// <summary>The share below which a model is so small that its memory is no concern.</summary>
    private const double SmallShare = 0.02;

    /// <param name="oneAtATime">What the caller says; null to decide here.</param>
    /// <param name="opensOnce">Whether each network is needed once, so that closing it before the next is opened costs no time.</param>
    /// <param name="weights">Bytes of all networks.</param>
    /// <param name="available">Bytes of memory.</param>
    public static NetworkUse Decide(bool? oneAtATime, bool opensOnce, long weights, long available)
    {
        var isSmall = weights <= available * SmallShare;
        return oneAtATime ?? (weights > available * Share || (opensOnce && !isSmall)) ? NetworkUse.OneAtATime
            : isSmall ? NetworkUse.AllAhead
            : NetworkUse.AllInTurn;
    }
}
