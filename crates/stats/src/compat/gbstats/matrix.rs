//! Small dense matrices.

/// Rows of a matrix.
pub(super) type Matrix = Vec<Vec<f64>>;

/// The inverse of a symmetric positive definite matrix by Cholesky's factors; `None` if it is not one.
pub(super) fn inverse(matrix: &Matrix) -> Option<Matrix> {
    let n = matrix.len();
    let mut factor = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| factor[i][k] * factor[j][k]).sum();
            let rest = matrix[i][j] - dot;
            if i == j {
                if !(rest > 0.0 && rest.is_finite()) {
                    return None;
                }
                factor[i][i] = libm::sqrt(rest);
            } else {
                factor[i][j] = rest / factor[j][j];
            }
        }
    }
    let mut inverse = vec![vec![0.0; n]; n];
    for column in 0..n {
        let mut x = vec![0.0; n];
        for i in 0..n {
            let unit = if i == column { 1.0 } else { 0.0 };
            let dot: f64 = (0..i).map(|k| factor[i][k] * x[k]).sum();
            x[i] = (unit - dot) / factor[i][i];
        }
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| factor[k][i] * x[k]).sum();
            x[i] = (x[i] - dot) / factor[i][i];
        }
        for (row, value) in inverse.iter_mut().zip(x) {
            row[column] = value;
        }
    }
    Some(inverse)
}

/// Matrix times vector.
pub(super) fn times(matrix: &Matrix, vector: &[f64]) -> Vec<f64> {
    matrix.iter().map(|row| dot(row, vector)).collect()
}

pub(super) fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

/// left' M right.
pub(super) fn form(matrix: &Matrix, left: &[f64], right: &[f64]) -> f64 {
    dot(left, &times(matrix, right))
}
