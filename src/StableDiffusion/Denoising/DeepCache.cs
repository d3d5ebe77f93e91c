namespace StableDiffusion;

/// <summary>
/// Runs the whole U-Net only every few steps; in between its outermost layers alone, with what they were given from further in at the last
/// whole step, which changes slowly: Ma et al. (2023), DeepCache, arXiv 2312.00858. Another picture, close to that of the whole network, in a part of the time.
/// </summary>
/// <param name="Interval">Every so many steps the whole network runs, the first always; 1 for all steps, which paints what is painted without.</param>
/// <param name="Branch">
/// The skip connection, counted from the outermost, 0, from which on the outer layers run at every step; a higher one costs more and
/// keeps closer (<c>cache_branch_id</c> of horseee/DeepCache).
/// </param>
public sealed record DeepCache(int Interval, int Branch = 0)
{
    /// <summary>Refuses what makes no sense for any model.</summary>
    internal static void Require(ImageRequest request)
    {
        if (request.DeepCache is not { } cache)
        {
            return;
        }

        RequestCheck.Positive(nameof(request.DeepCache), cache.Interval);
        if (cache.Branch < 0)
        {
            throw new RequestException(nameof(request.DeepCache), $"{nameof(request.DeepCache):name}: the branch {cache.Branch} must be at least 0, the outermost.");
        }
    }
}
