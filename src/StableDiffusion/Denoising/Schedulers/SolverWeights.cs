namespace StableDiffusion;

/// <summary>
/// The exponential integrators of one step of length h in λ: x = A·x + B0·D₀ + B1·D₁ + B2·D₂ + C·noise, with D the divided
/// differences of the outputs. Section 3 and appendix B of Lu et al. (2022), arXiv 2206.00927, for predicted noise;
/// section 4 and appendix B of Lu et al. (2022), arXiv 2211.01095, for predicted x₀ ("++").
/// </summary>
internal readonly record struct SolverWeights(double H, double A, double B0, double B1, double B2, double C)
{
    public static SolverWeights Of(bool plusPlus, bool stochastic, Level from, Level to)
    {
        var h = to.Lambda - from.Lambda;
        return (plusPlus, stochastic) switch
        {
            (true, false) => new(
                h,
                to.Sigma / from.Sigma,
                -to.Alpha * double.ExpM1(-h),
                to.Alpha * ((double.ExpM1(-h) / h) + 1),
                -to.Alpha * (((double.ExpM1(-h) + h) / (h * h)) - 0.5),
                0),
            (true, true) => new(
                h,
                to.Sigma / from.Sigma * Math.Exp(-h),
                -to.Alpha * double.ExpM1(-2 * h),
                to.Alpha * ((double.ExpM1(-2 * h) / (2 * h)) + 1),
                -to.Alpha * (((double.ExpM1(-2 * h) + (2 * h)) / (4 * h * h)) + 0.5),
                to.Sigma * Math.Sqrt(-double.ExpM1(-2 * h))),
            (false, false) => new(
                h,
                to.Alpha / from.Alpha,
                -to.Sigma * double.ExpM1(h),
                -to.Sigma * ((double.ExpM1(h) / h) - 1),
                -to.Sigma * (((double.ExpM1(h) - h) / (h * h)) - 0.5),
                0),
            _ => new(
                h,
                to.Alpha / from.Alpha,
                -2 * to.Sigma * double.ExpM1(h),
                -2 * to.Sigma * ((double.ExpM1(h) / h) - 1),
                0,
                to.Sigma * Math.Sqrt(double.ExpM1(2 * h))),
        };
    }
}
